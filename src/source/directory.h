#pragma once
// The files below a directory, one at a time, in the order the file system gives them (memory is
// bounded by the depth of the tree, not by its size) or in byte order of their paths (the names of
// the directories on the way are held). Makes blocking calls (about 1 µs a file).

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "source/glob.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace telpher {

/// Follows links.
bool is_directory(const std::string& path);
/// Something has this name, be it a link that leads nowhere.
bool exists(const std::string& path);
/// It is a symbolic link, wherever that leads.
bool is_link(const std::string& path);

struct FileEntry {
  std::string path;               // relative to the root, "/" between segments, UTF-8
  std::optional<ByteCount> size;  // empty when not asked for and not needed to tell what it is
  std::int64_t modified_ns = 0;   // since 1970; with the size
  bool below_link = false;        // reached through a link to a directory: it lies elsewhere
  bool is_link = false;           // that was not followed, whatever it leads to
};

struct WalkOptions {
  std::optional<Glob> pattern;  // only paths that match; its base() has been made part of the root
  bool sorted = false;          // in byte order of paths
  bool attributes = false;      // size and time of modification of every file
  bool follow_links = true;     // below the root; else they are given as they are
  int depth_max = 256;
};

class DirectoryWalk {
 public:
  /// Errors: kNotFound, kDenied, kIo (not a directory).
  static Result<std::unique_ptr<DirectoryWalk>> open(std::string root, WalkOptions options);
  ~DirectoryWalk();

  /// The next file; nullopt at the end. Symbolic links are followed, unless the options say
  /// otherwise: a directory that several lead to is walked once on each path. An error is about one
  /// path only, named in its message: kInvalid (a name that is not UTF-8), kDenied, kIo,
  /// kUnsupported (neither file nor directory, or a link to a directory above it), kLimit (too
  /// deep). Calling next() again goes on behind it. May look at any number of names before it finds
  /// one.
  Result<std::optional<FileEntry>> next();

  /// A part of next(), for who has something else to do meanwhile: looks at one name (a sorted walk
  /// reads up to 32 KiB of names); nullopt when that is none that is meant.
  Result<std::optional<FileEntry>> step();
  /// Nothing is left to be looked at.
  bool ended() const { return levels_.empty(); }

  /// The directory's descriptor: `openat(root_fd(), entry.path)`.
  int root_fd() const { return root_fd_.get(); }
  /// What next() has looked at last, relative to the root: what its error is about.
  const std::string& current_path() const { return path_; }
  const std::string& root() const { return root_; }
  /// "root/name"
  std::string full_path(std::string_view name) const;

 private:
  struct Level;
  struct Name;
  DirectoryWalk(std::string root, WalkOptions options);
  Result<void> enter(UniqueFd fd, bool through_link);
  Result<bool> read_batch(Level& level);
  static std::optional<Name> next_in_batch(Level& level);
  static bool is_link(int parent, const Name& name);
  bool is_directory(const Level& level, const Name& name) const;
  /// A batch of it; false at the end, when all are in order.
  Result<bool> read_sorted(Level& level);
  void leave();
  /// The next name of the innermost directory; nullopt at its end.
  Result<std::optional<Name>> next_name(Level& level);
  Result<std::optional<FileEntry>> visit(const Name& name);
  std::string quoted_path() const;

  const std::string root_;
  const WalkOptions options_;
  UniqueFd root_fd_;
  std::vector<std::unique_ptr<Level>> levels_;
  std::unique_ptr<Level> idle_;  // the level left last: its buffer is used again
  std::string path_;             // of what is being looked at, relative to the root
};

}  // namespace telpher
