#pragma once
// Tree: what lies below a directory or prefix, or matches a pattern, one name at a time. Trees that
// are sorted give names in byte order, so that two of them can be compared side by side whatever
// their size. One loop.

#include "runtime/turns.h"
#include "source/directory.h"
#include "store/object_store.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct TreeEntry {
  std::string name;               // relative to the root, "/" between segments, UTF-8
  std::optional<ByteCount> size;  // objects have one; files when they were asked for attributes
  std::chrono::system_clock::time_point modified{};  // with the size
  std::string etag;                                  // of an object
  bool below_link = false;  // of a file: reached through a link to a directory, it lies elsewhere
  /// Its size says nothing: to be compared by content before it is copied. Set by SyncTree.
  bool in_doubt = false;
};

/// Whether a name is meant.
using NameTest = std::function<bool(std::string_view name)>;

class Tree {
 public:
  virtual ~Tree() = default;
  /// The next entry; nullopt at the end. An error is about current() only, and the next call goes
  /// on behind it; when it is about the whole, current() is empty and the next call gives nullopt.
  /// Errors: those of DirectoryWalk::next() and of listing; kCancelled.
  virtual Task<Result<std::optional<TreeEntry>>> next() = 0;
  virtual std::string current() const = 0;
  /// What stands in front of every name: "directory/", the beginning of the keys.
  virtual std::string_view base() const = 0;
};

/// Where the files of a path lie: a directory, or the folder and pattern that a glob stands for.
struct FilesRoot {
  std::string directory;
  std::optional<Glob> pattern;
};
/// Errors: kInvalid (the pattern).
Result<FilesRoot> files_root_of(const std::string& path);

class FileTree final : public Tree {
 public:
  /// @param path  a directory, or a pattern
  /// Errors: kNotFound, kDenied, kIo, kInvalid (the pattern).
  static Result<std::unique_ptr<FileTree>> open(const std::string& path, WalkOptions options,
                                                NameTest wanted);

  Task<Result<std::optional<TreeEntry>>> next() override;
  std::string current() const override { return walk_->current_path(); }
  std::string_view base() const override { return base_; }
  const DirectoryWalk& walk() const { return *walk_; }
  /// Links that are wanted and were not to be followed, so far.
  std::uint64_t links_left() const { return links_left_; }

 private:
  FileTree(std::unique_ptr<DirectoryWalk> walk, NameTest wanted)
      : walk_(std::move(walk)), base_(walk_->full_path("")), wanted_(std::move(wanted)) {}

  const std::unique_ptr<DirectoryWalk> walk_;
  const std::string base_;
  const NameTest wanted_;
  Turns turns_;
  std::uint64_t links_left_ = 0;
};

class ObjectTree final : public Tree {
 public:
  /// @param address  its key is a prefix or a pattern
  /// @param store  must outlive the tree
  /// Errors: kInvalid (the pattern).
  static Result<std::unique_ptr<ObjectTree>> open(ObjectStore& store, const ObjectAddress& address,
                                                  NameTest wanted);

  /// Sorted.
  Task<Result<std::optional<TreeEntry>>> next() override;
  std::string current() const override { return ""; }
  std::string_view base() const override { return options_.prefix; }

 private:
  ObjectTree(ObjectStore& store, std::string bucket, NameTest wanted)
      : store_(store), bucket_(std::move(bucket)), wanted_(std::move(wanted)) {}

  ObjectStore& store_;
  const std::string bucket_;
  const NameTest wanted_;
  std::optional<Glob> pattern_;
  ListOptions options_;
  ListPage page_;
  std::size_t next_ = 0;  // on page_
  bool last_page_ = false;
};

}  // namespace telpher
