// A script that is taken can be run: a rule acts no more often than it says, and the same seed does
// the same again.

#include "store/layers/fault_script.h"
#include "tests/fuzz/fuzz.h"

#include <string>

namespace telpher {
namespace {

std::string play(FaultInjector& faults) {
  std::string played;
  std::chrono::steady_clock::time_point now{};
  for (int i = 0; i < 100; ++i) {
    const auto operation = static_cast<Operation>(i % kOperationCount);
    const FaultInjector::StoreFaults store = faults.next_store_fault(operation, "key", now);
    CHECK(store.delay >= std::chrono::milliseconds::zero());
    CHECK(!(store.error && store.rule));
    CHECK(!store.rule || !is_wire_fault(store.rule->what));
    const std::optional<FaultRule> wire = faults.next_wire_fault(operation, "key");
    CHECK(!wire || is_wire_fault(wire->what));
    faults.record({operation, "key", !store.error && !store.rule, now});
    played += store.error ? 'e' : store.rule ? 'r' : '-';
    now += store.delay;
  }
  return played + faults.to_json();
}

}  // namespace
}  // namespace telpher

FUZZ(std::string_view input) {
  const auto script = parse_fault_script(input);
  if (!script) {
    CHECK(script.error().kind == ErrorKind::kInvalid);
    return;
  }
  FaultInjector faults(*script);
  const std::string first = play(faults);
  const std::vector<std::uint64_t> acted = faults.acted();
  CHECK(acted.size() == script->rules.size());
  for (std::size_t i = 0; i < acted.size(); ++i) CHECK(acted[i] <= script->rules[i].count);
  faults.reset(*script);
  CHECK(play(faults) == first);
}
