#pragma once
// A disk in memory that tells what was written from what was synced, as file systems do: after a
// power cut only the latter is certain. One thread.

#include "base/bytes.h"
#include "base/random.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher::sim {

class CrashDisk {
 public:
  /// A file, whatever its name. Reads see `content`.
  class File {
   public:
    const std::string& content() const { return content_; }
    void write(ByteCount offset, std::string_view bytes);
    void truncate(ByteCount size);
    void sync();
    /// A sync that failed: what was to be written is lost, though reads still see it, and the next
    /// sync succeeds without it. As Linux has it.
    void lose() { unsynced_.clear(); }

   private:
    friend class CrashDisk;
    struct Change {
      ByteCount offset;   // a truncation: the new size
      std::string bytes;  // empty: a truncation
    };
    static void apply(const Change& change, std::string& content);
    void power_cut(Random* luck);

    std::string content_;
    std::string synced_;
    std::vector<Change> unsynced_;
  };

  std::shared_ptr<File> find(const std::string& name) const;
  std::shared_ptr<File> create(const std::string& name);
  void remove(const std::string& name) { names_.erase(name); }
  /// Folders' names end with "/".
  std::vector<std::string> names() const;
  /// Makes the names in a folder survive as they are now; their files' content is another matter.
  /// @param folder  "" = the outermost
  void sync_names(const std::string& folder);
  /// As File::lose().
  void lose_names(const std::string& folder);
  /// "a/b" of "a/b/c" and of "a/b/c/".
  static std::string folder_of(const std::string& name);

  /// Bytes that its files may take from now on; none = any number.
  void set_room(std::optional<ByteCount> room) { room_ = room; }
  /// What they take. Only files with a name count.
  ByteCount used() const;
  /// Whether `file` may grow to `size`.
  bool has_room(const File& file, ByteCount size) const;

  /// All that was not synced is lost, or, with `luck`, each of its 512-byte sectors and each name
  /// may have reached the disk or not.
  void power_cut(Random* luck);

 private:
  using Names = std::map<std::string, std::shared_ptr<File>>;
  Names names_;
  Names synced_names_;
  std::optional<ByteCount> room_;
  struct Lost {
    std::shared_ptr<File> seen;  // null = no such name
    std::shared_ptr<File> synced;
  };
  std::map<std::string, Lost> lost_names_;
};

}  // namespace telpher::sim
