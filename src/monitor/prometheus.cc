#include "monitor/prometheus.h"

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

struct Bound {
  std::chrono::nanoseconds at_most;
  std::string_view text;  // in seconds
};

constexpr std::array<Bound, 16> kBounds = [] {
  using namespace std::chrono_literals;
  return std::array<Bound, 16>{{{1ms, "0.001"},
                                {2500us, "0.0025"},
                                {5ms, "0.005"},
                                {10ms, "0.01"},
                                {25ms, "0.025"},
                                {50ms, "0.05"},
                                {100ms, "0.1"},
                                {250ms, "0.25"},
                                {500ms, "0.5"},
                                {1s, "1"},
                                {2500ms, "2.5"},
                                {5s, "5"},
                                {10s, "10"},
                                {30s, "30"},
                                {60s, "60"},
                                {300s, "300"}}};
}();

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
  std::uint64_t seen = 0;
  auto next = statistics.durations.begin();
  for (const Bound& bound : kBounds) {
    const auto limit = static_cast<std::uint64_t>(bound.at_most.count());
    for (; next != statistics.durations.end() && next->first <= limit; ++next) {
      seen += next->second;
    }
    line("_bucket", labels, bound.text, static_cast<double>(seen));
  }
  for (; next != statistics.durations.end(); ++next) seen += next->second;
  line("_bucket", labels, "+Inf", static_cast<double>(seen));
  line("_sum", labels, {}, static_cast<double>(statistics.duration_ns) / 1e9);
  line("_count", labels, {}, static_cast<double>(seen));
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
