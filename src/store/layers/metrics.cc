#include "store/layers/metrics.h"

namespace telpher {
namespace {

/// "PutObject" → "put_object"
std::string snake_case(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital && !out.empty()) out += '_';
    out += capital ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

}  // namespace

OperationMetrics& MetricsStore::of(Operation operation) {
  OperationMetrics*& metrics = operations_[static_cast<std::size_t>(operation)];
  if (!metrics) metrics = &metrics_.of(prefix_ + snake_case(to_string(operation)));
  return *metrics;
}

}  // namespace telpher
