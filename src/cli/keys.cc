// telpher keys: who may use `telpher serve`.

#include "cli/command_line.h"
#include "cli/json_line.h"
#include "cli/progress_view.h"
#include "cli/service_run.h"
#include "cli/verbs.h"
#include "server/api_call.h"
#include "server/key_file.h"
#include "session/exit_code.h"

#include <cstdio>

namespace telpher {
namespace {

std::string scopes_text(const std::vector<Scope>& scopes) {
  std::string text;
  for (const Scope& scope : scopes) text += (text.empty() ? "" : ",") + to_string(scope);
  return text;
}

class Keys final : public Verb {
 public:
  void describe(CommandLine& line, const Settings&) override {
    line.positionals = {
        .name = "[add | list | revoke ID]", .help = "what to do; without it, list", .max = 2};
    line.details =
        "`add` makes a key and prints it: it is shown this once, only its SHA-256 is kept. A role "
        "may "
        "do what those before it may: reader (looks), uploader (brings files and transfers), "
        "operator (tends everybody's, deletes objects), admin (hands out keys). A running service "
        "takes changes at once.";
    line.examples =
        "telpher keys\n"
        "telpher keys add --name web-app --role uploader --buckets photos,logs/2026/\n"
        "telpher keys add --name auditor --role reader --expires 2027-01-01\n"
        "telpher keys revoke k_3vJx0cQm9tPa";
    line.text("--name", "NAME", "for people, in logs and lists", name_);
    line.text("--role", "admin|operator|uploader|reader", "what it may do", role_);
    line.text("--buckets", "BUCKET[/PREFIX],…", "where it may (default: everywhere)", buckets_);
    line.text("--expires", "TIME", "2026-12-31 or 2026-12-31T12:00:00Z, UTC (default: never)",
              expires_);
    line.flag("--json", "one JSON object a line", json_);
  }

  Task<int> run(Command* command) override {
    const Result<void> done =
        act(key_file_path(command->settings), command->arguments, command->loop.wall_now());
    if (done) co_return kExitDone;
    (void)report_error(done.error());
    co_return done.error().kind == ErrorKind::kInvalid ? kExitUsage : kExitDestination;
  }

 private:
  Result<void> act(const std::string& path, const std::vector<std::string>& arguments,
                   WallTime now) {
    const std::string what = arguments.empty() ? "list" : arguments.front();
    TRY(KeyFile file, KeyFile::open(path));
    if (what == "add" && arguments.size() == 1) return add(file, now);
    if (what == "list" && arguments.size() <= 1) return list(file, now);
    if (what == "revoke" && arguments.size() == 2) return file.revoke(arguments[1]);
    return make_error(ErrorKind::kInvalid, "keys add, keys list or keys revoke ID is expected");
  }

  Result<void> add(KeyFile& file, WallTime now) {
    AccessKey key{.id = {}, .name = name_};
    if (name_.empty() || role_.empty()) {
      return make_error(ErrorKind::kInvalid, "keys add needs --name and --role");
    }
    TRY(key.role, parse_role(role_));
    std::string_view left = buckets_;
    while (!left.empty()) {
      const std::size_t comma = left.find(',');
      TRY(Scope scope, parse_scope(left.substr(0, comma)));
      key.scopes.push_back(std::move(scope));
      left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
    }
    if (!expires_.empty()) {
      TRY(const auto time, parse_api_time(expires_));
      key.expires = std::chrono::floor<std::chrono::seconds>(time);
    }
    TRY(const KeyFile::Made made, file.add(std::move(key), now));
    if (json_) {
      JsonLine().text("id", made.key.id).text("secret", made.secret).print();
    } else {
      std::printf("%s\n", made.secret.c_str());
      std::fprintf(stderr, "telpher: key %s (%s, %s); it is not shown again\n", made.key.id.c_str(),
                   printable(made.key.name).c_str(), role_.c_str());
    }
    return {};
  }

  Result<void> list(const KeyFile& file, WallTime now) {
    for (const AccessKey& key : file.keys()) {
      const std::string_view state = key.revoked          ? "revoked"
                                     : !key.valid_at(now) ? "expired"
                                                          : "valid";
      if (json_) {
        JsonLine line;
        line.text("id", key.id).text("name", key.name).text("role", to_string(key.role));
        line.text("buckets", scopes_text(key.scopes)).text("created", api_time(key.created));
        if (key.expires) line.text("expires", api_time(*key.expires));
        line.text("state", state).print();
        continue;
      }
      const std::string role(to_string(key.role));
      std::printf("%s  %-8s  %-7s  %s", key.id.c_str(), role.c_str(), std::string(state).c_str(),
                  printable(key.name).c_str());
      if (!key.scopes.empty()) std::printf("  [%s]", scopes_text(key.scopes).c_str());
      if (key.expires) std::printf("  until %s", api_time(*key.expires).c_str());
      std::printf("\n");
    }
    return {};
  }

  std::string name_, role_, buckets_, expires_;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Verb> make_keys() { return std::make_unique<Keys>(); }

}  // namespace telpher
