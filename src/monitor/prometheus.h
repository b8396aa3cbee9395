#pragma once
// Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Pure.

#include "monitor/monitor.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace telpher {

/// Builds an exposition, family by family. Names begin with "telpher_", units are base units.
class PrometheusText {
 public:
  enum class Type { kCounter, kGauge, kHistogram };
  /// Begins a family: what is added next belongs to it. Counters' names end in "_total".
  void family(std::string_view name, Type type, std::string_view help);

  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;
  void add(Labels labels, double value) { line("", labels, {}, value); }
  /// Durations of a histogram, in buckets from 1 ms to 5 min; right to the 1 % of `counts`.
  void add_durations(Labels labels, const Statistics& statistics);

  const std::string& text() const { return text_; }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view le, double value);

  std::string name_;
  std::string text_;
};

/// All that is known of operations since the start.
void add_operations(PrometheusText& to, const std::vector<OperationReport>& reports);

}  // namespace telpher
