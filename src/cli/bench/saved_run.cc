#include "cli/bench/saved_run.h"

#include "base/unique_fd.h"
#include "base/units.h"
#include "codec/plain_numbers.h"

#include <boost/json.hpp>

#include <fcntl.h>
#include <fstream>
#include <numeric>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

namespace json = boost::json;

constexpr std::string_view kFormat = "telpher bench run";
constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kFileMax = 64 * kMiB;

Error damaged(std::string_view what) {
  return make_error(ErrorKind::kInvalid, "is damaged: " + std::string(what));
}

std::string size_text(const SizeRange& sizes) {
  const std::string min = std::to_string(sizes.min);
  return sizes.min == sizes.max ? min : min + ".." + std::to_string(sizes.max);
}

/// "put=50,get=50" and "put,get" mean the same.
std::string mix_text(const OperationMix& mix) {
  std::uint32_t divisor = 0;
  for (const std::uint32_t weight : mix.weights) divisor = std::gcd(divisor, weight);
  std::string text;
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    if (mix.weights[i] == 0) continue;
    if (!text.empty()) text += ',';
    text += to_string(static_cast<LoadOperation>(i));
    if (mix.weights[i] != divisor) text += '=' + std::to_string(mix.weights[i] / divisor);
  }
  return text;
}

std::string rate_text(double rate) {
  if (rate == 0) return "none";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g/s", rate);
  return text;
}

// --- reading ------------------------------------------------------------------------------------

Result<const json::value*> field(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr) return damaged("'" + std::string(name) + "' is missing");
  return value;
}

Result<std::string> text_field(const json::object& object, std::string_view name) {
  TRY(const json::value* value, field(object, name));
  if (!value->is_string()) return damaged("'" + std::string(name) + "' is no text");
  return std::string(value->get_string());
}

Result<std::uint64_t> count_of(const json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<std::uint64_t>(error);
  // Sums of what is read must not overflow.
  if (error || number > UINT64_MAX / 65536) return damaged("a count is none");
  return number;
}

Result<double> amount_of(const json::value& value) {
  boost::system::error_code error;
  const auto number = value.to_number<double>(error);
  if (error || !(number >= 0) || number > 1e12) return damaged("an amount of time is none");
  return number;
}

Result<LatencyCounts> parse_latencies(const json::value& value) {
  const json::array* numbers = value.if_array();
  if (numbers == nullptr || numbers->size() % 2 != 0) return damaged("latencies are no pairs");
  LatencyCounts latencies;
  latencies.reserve(numbers->size() / 2);
  for (std::size_t i = 0; i < numbers->size(); i += 2) {
    TRY(const std::uint64_t ns, count_of((*numbers)[i]));
    TRY(const std::uint64_t times, count_of((*numbers)[i + 1]));
    if (times == 0 || (!latencies.empty() && latencies.back().first >= ns)) {
      return damaged("latencies are out of order");
    }
    latencies.emplace_back(ns, times);
  }
  return latencies;
}

Result<LoadSlice> parse_slice(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return damaged("a slice is no object");
  LoadSlice slice;
  TRY(const json::value* client, field(*object, "client_cpu_s"));
  TRY(slice.cpu.client, amount_of(*client));
  TRY(const json::value* server, field(*object, "server_cpu_s"));
  TRY(slice.cpu.server, amount_of(*server));
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    const json::value* found = object->if_contains(to_string(static_cast<LoadOperation>(i)));
    if (found == nullptr) continue;
    const json::object* fields = found->if_object();
    if (fields == nullptr) return damaged("an operation is no object");
    LoadSlice::Operation& operation = slice.operations[i];
    TRY(const json::value* failed, field(*fields, "failed"));
    TRY(operation.failed, count_of(*failed));
    TRY(const json::value* bytes, field(*fields, "bytes"));
    TRY(operation.bytes, count_of(*bytes));
    TRY(const json::value* latencies, field(*fields, "latency_ns"));
    TRY(operation.latency_ns, parse_latencies(*latencies));
  }
  return slice;
}

Result<ComparableSettings> parse_settings(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return damaged("'settings' is no object");
  ComparableSettings settings;
  for (const auto& [name, text] : *object) {
    if (!text.is_string()) return damaged("a setting is no text");
    settings.emplace(name, text.get_string());
  }
  return settings;
}

json::object object_of(const LoadSlice& slice) {
  json::object object;
  object["client_cpu_s"] = slice.cpu.client;
  object["server_cpu_s"] = slice.cpu.server;
  for (std::size_t i = 0; i < kLoadOperations; ++i) {
    const LoadSlice::Operation& operation = slice.operations[i];
    if (operation.latency_ns.empty() && operation.failed == 0) continue;
    json::array latencies;
    for (const auto& [ns, times] : operation.latency_ns) {
      latencies.emplace_back(ns);
      latencies.emplace_back(times);
    }
    json::object fields;
    fields["failed"] = operation.failed;
    fields["bytes"] = operation.bytes;
    fields["latency_ns"] = std::move(latencies);
    object[to_string(static_cast<LoadOperation>(i))] = std::move(fields);
  }
  return object;
}

}  // namespace

ComparableSettings comparable(const LoadSettings& settings, int connections) {
  return {{"--mix", mix_text(settings.mix)},
          {"--size", size_text(settings.sizes)},
          {"--objects", std::to_string(settings.objects)},
          {"--concurrency", std::to_string(settings.concurrency)},
          {"--connections", std::to_string(connections)},
          {"--rate", rate_text(settings.rate)},
          {"--part-size", std::to_string(settings.part_size)},
          {"--checksum", std::string(to_string(settings.checksum))},
          {"--list-keys", std::to_string(settings.list_keys)},
          {"--verify", settings.verify ? "given" : "not given"}};
}

std::string differing(const ComparableSettings& before, const ComparableSettings& now) {
  std::string text;
  const auto tell = [&](const std::string& name, const std::string& a, const std::string& b) {
    text += (text.empty() ? "" : ", ") + name + " (" + a + ", now " + b + ")";
  };
  for (const auto& [name, value] : before) {
    const auto other = now.find(name);
    const std::string& then = other == now.end() ? "unknown" : other->second;
    if (then != value) tell(name, value, then);
  }
  for (const auto& [name, value] : now) {
    if (!before.contains(name)) tell(name, "unknown", value);
  }
  return text;
}

std::string saved_run_json(const SavedRun& run, std::string_view report) {
  json::object object;
  object["format"] = kFormat;
  object["version"] = kVersion;
  object["saved_at"] = run.saved_at;
  object["target"] = run.target;
  json::object settings;
  for (const auto& [name, value] : run.settings) settings[name] = value;
  object["settings"] = std::move(settings);
  object["has_server_cpu"] = run.has_server_cpu;
  object["slice_s"] = run.slice_length.count();
  json::array slices;
  for (const LoadSlice& slice : run.slices) slices.push_back(object_of(slice));
  object["slices"] = std::move(slices);
  std::string text = plain_numbers(json::serialize(object));
  text.pop_back();  // its }
  return text.append(",\"report\":").append(report) + "}\n";
}

Result<SavedRun> parse_saved_run(std::string_view text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const json::object* object = error ? nullptr : value.if_object();
  const json::value* format = object == nullptr ? nullptr : object->if_contains("format");
  if (format == nullptr || !format->is_string() || format->get_string() != kFormat) {
    return make_error(ErrorKind::kInvalid, "is no run saved by telpher bench --save");
  }
  TRY(const json::value* version, field(*object, "version"));
  const auto number = count_of(*version);
  if (!number || *number != kVersion) {
    return make_error(
        ErrorKind::kInvalid,
        "was saved by another version of telpher, in a format this one does not know");
  }
  SavedRun run;
  TRY(run.target, text_field(*object, "target"));
  TRY(run.saved_at, text_field(*object, "saved_at"));
  TRY(const json::value* settings, field(*object, "settings"));
  TRY(run.settings, parse_settings(*settings));
  TRY(const json::value* has_server, field(*object, "has_server_cpu"));
  if (!has_server->is_bool()) return damaged("'has_server_cpu' is neither true nor false");
  run.has_server_cpu = has_server->get_bool();
  TRY(const json::value* length, field(*object, "slice_s"));
  TRY(const double seconds, amount_of(*length));
  if (seconds < 0.001) return damaged("'slice_s' is too small");
  run.slice_length = std::chrono::duration<double>(seconds);
  TRY(const json::value* slices, field(*object, "slices"));
  const json::array* array = slices->if_array();
  if (array == nullptr || array->size() > kSlicesMax) return damaged("'slices' is no list of them");
  for (const json::value& item : *array) {
    TRY(LoadSlice slice, parse_slice(item));
    run.slices.push_back(std::move(slice));
  }
  return run;
}

Result<SavedRun> read_saved_run(const std::string& path) {
  const auto wrong = [&path](const std::string& what) {
    return make_error(ErrorKind::kInvalid, "'" + path + "' " + what);
  };
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return wrong("cannot be read: " + std::generic_category().message(errno));
  }
  if (!S_ISREG(info.st_mode)) return wrong("is no file");
  if (static_cast<std::uint64_t>(info.st_size) > kFileMax) return wrong("is too large for a run");
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  if (!file.read(text.data(), info.st_size)) return wrong("cannot be read");
  auto run = parse_saved_run(text);
  if (!run) return wrong(run.error().message);
  return run;
}

Result<void> check_savable(const std::string& path) {
  struct stat info{};
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return make_error(ErrorKind::kInvalid, "--save: '" + path + "' is no file");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return make_error(ErrorKind::kInvalid, "--save: no file can be made in '" + folder +
                                               "': " + std::generic_category().message(errno));
  }
  return {};
}

Result<void> write_saved_run(const std::string& path, std::string_view text) {
  const std::string draft = path + ".telpher-" + std::to_string(::getpid());
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    file << text << std::flush;
    if (file && ::rename(draft.c_str(), path.c_str()) == 0) return {};
  }
  const int problem = errno;
  ::unlink(draft.c_str());
  return make_errno_error(problem, "write '" + path + "'");
}

}  // namespace telpher
