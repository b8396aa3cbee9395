#pragma once
// What is recorded about one kind of operation. Any thread.

#include "metrics/metrics.h"

namespace telpher {

struct OperationMetrics {
  Counter succeeded;
  Counter failed;
  Gauge in_flight;
  Histogram duration_us;
  Counter bytes_sent;
  Counter bytes_received;
};

}  // namespace telpher
