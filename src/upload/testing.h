#pragma once
// For tests of this module: forms, and bodies that come in pieces or break off.

#include "base/random.h"
#include "base/units.h"
#include "runtime/loop.h"
#include "store/layers/chaos.h"
#include "store/memory/memory_store.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace telpher::testing {

struct FormFile {
  std::string name;
  std::string content;
  std::string type = "";
  std::string field = "files";
};

inline constexpr std::string_view kFormType = "multipart/form-data; boundary=B0unD";

inline std::string form_field(std::string_view name, std::string_view value) {
  return "--B0unD\r\nContent-Disposition: form-data; name=\"" + std::string(name) + "\"\r\n\r\n" +
         std::string(value) + "\r\n";
}

inline std::string form_part(const FormFile& file) {
  std::string part = "--B0unD\r\nContent-Disposition: form-data; name=\"" + file.field +
                     "\"; filename=\"" + file.name + "\"\r\n";
  if (!file.type.empty()) part += "Content-Type: " + file.type + "\r\n";
  return part + "\r\n" + file.content + "\r\n";
}

inline std::string make_form(const std::vector<FormFile>& files) {
  std::string form;
  for (const FormFile& file : files) form += form_part(file);
  return form + "--B0unD--\r\n";
}

/// No text, so that it begins like nothing.
inline std::string random_bytes(std::size_t size, std::uint64_t seed = 1) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(bytes.data() + at, &word, std::min<std::size_t>(8, size - at));
  }
  if (size > 0) bytes[0] = '\x01';
  return bytes;
}

/// Delivers `text` in reads of up to `piece` bytes; then ends, or fails like a connection.
class TextReader final : public ByteReader {
 public:
  explicit TextReader(std::string text, std::size_t piece = 100'000)
      : text_(std::move(text)), piece_(piece) {}
  bool breaks_off = false;
  Duration pause{};  // before each read

  Task<Result<std::size_t>> read_some(MutableBytes buffer) override {
    if (pause > Duration{}) CO_TRY_VOID(co_await sleep_for(pause));
    const std::size_t size = std::min({buffer.size(), piece_, text_.size() - at_});
    if (size == 0 && breaks_off) {
      co_return make_temporary_error(ErrorKind::kNetwork, "the client is gone");
    }
    std::memcpy(buffer.data(), text_.data() + at_, size);
    at_ += size;
    co_return size;
  }

 private:
  const std::string text_;
  const std::size_t piece_;
  std::size_t at_ = 0;
};

/// A store in memory that can be slow or fail, with a bucket named "bucket", in virtual time that
/// begins at 2026-01-01T00:00:00Z.
struct UploadBed {
  explicit UploadBed(Capabilities capabilities = {}, ByteCount budget = 64 * kMiB)
      : memory(capabilities), buffers(budget) {
    EXPECT_TRUE(loop.run(memory.create_bucket("bucket")));
  }
  Loop loop{Loop::Mode::kVirtual, 1};
  MemoryStore memory;
  FaultInjector faults;
  ChaosStore store{memory, faults};
  BufferPool buffers;

  std::vector<std::string> keys() {
    std::vector<std::string> keys;
    for (const ListEntry& entry : loop.run(memory.list("bucket", {})).value().objects) {
      keys.push_back(entry.key);
    }
    return keys;
  }
  std::size_t open_uploads() {
    return loop.run(memory.list_uploads("bucket", {})).value().uploads.size();
  }
  std::string content(const std::string& key) {
    return memory.content("bucket", key).value_or("(no such object)");
  }
};

}  // namespace telpher::testing
