#include "monitor/prometheus.h"

#include "monitor/buckets.h"

#include <array>
#include <charconv>

namespace telpher {
namespace {

/// The shortest text that reads back as the same number.
void append_number(std::string& text, double value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  text.append(digits, end);
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
}

}  // namespace

void PrometheusText::family(std::string_view name, Type type, std::string_view help) {
  constexpr std::array<std::string_view, 3> kTypes = {"counter", "gauge", "histogram"};
  name_ = "telpher_" + std::string(name);
  text_.append("# HELP ").append(name_).append(" ").append(help);
  text_.append("\n# TYPE ").append(name_).append(" ").append(kTypes[static_cast<int>(type)]);
  text_ += '\n';
}

void PrometheusText::line(std::string_view suffix, Labels labels, std::string_view le,
                          double value) {
  text_.append(name_).append(suffix);
  char separator = '{';
  const auto label = [&](std::string_view name, std::string_view text) {
    text_ += std::exchange(separator, ',');
    text_.append(name).append("=\"");
    append_escaped(text_, text);
    text_ += '"';
  };
  for (const auto& [name, text] : labels) label(name, text);
  if (!le.empty()) label("le", le);
  if (separator == ',') text_ += '}';
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void PrometheusText::add_durations(Labels labels, const Statistics& statistics) {
  const DurationBuckets buckets = bucket_durations(statistics.durations);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kDurationBounds.size(); ++i) {
    seen += buckets.counts[i];
    line("_bucket", labels, kDurationBounds[i].text, static_cast<double>(seen));
  }
  line("_bucket", labels, "+Inf", static_cast<double>(buckets.count));
  line("_sum", labels, {}, static_cast<double>(statistics.duration_ns) / 1e9);
  line("_count", labels, {}, static_cast<double>(buckets.count));
}

void add_operations(PrometheusText& to, const std::vector<OperationReport>& reports) {
  using Type = PrometheusText::Type;
  to.family("operations_total", Type::kCounter, "Operations that have ended.");
  for (const OperationReport& report : reports) {
    const Statistics& total = report.total;
    to.add({{"operation", report.name}, {"outcome", "success"}},
           static_cast<double>(total.count - std::min(total.count, total.failed)));
    to.add({{"operation", report.name}, {"outcome", "error"}}, static_cast<double>(total.failed));
  }
  to.family("operation_errors_total", Type::kCounter, "Operations that have failed, by kind.");
  for (const OperationReport& report : reports) {
    for (std::size_t kind = 0; kind < kErrorKinds; ++kind) {
      if (report.total.errors[kind] == 0) continue;
      to.add({{"operation", report.name}, {"kind", to_string(static_cast<ErrorKind>(kind))}},
             static_cast<double>(report.total.errors[kind]));
    }
  }
  to.family("operation_duration_seconds", Type::kHistogram, "How long operations took.");
  for (const OperationReport& report : reports) {
    to.add_durations({{"operation", report.name}}, report.total);
  }
  to.family("operation_bytes_total", Type::kCounter, "Bytes that operations have moved.");
  for (const OperationReport& report : reports) {
    to.add({{"operation", report.name}}, static_cast<double>(report.total.bytes));
  }
  to.family("operation_memory_bytes_total", Type::kCounter,
            "Bytes that operations have taken from the memory budget.");
  for (const OperationReport& report : reports) {
    to.add({{"operation", report.name}}, static_cast<double>(report.total.memory));
  }
  to.family("operations_in_flight", Type::kGauge, "Operations under way.");
  for (const OperationReport& report : reports) {
    to.add({{"operation", report.name}}, static_cast<double>(report.in_flight));
  }
}

}  // namespace telpher
