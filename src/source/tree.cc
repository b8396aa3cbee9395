#include "source/tree.h"

#include <utility>

namespace telpher {

Result<FilesRoot> files_root_of(const std::string& path) {
  if (exists(path)) return FilesRoot{path, std::nullopt};
  TRY(Glob pattern, Glob::parse(path));
  std::string directory = pattern.base().empty() ? "." : pattern.base();
  return FilesRoot{std::move(directory), std::move(pattern)};
}

Result<std::unique_ptr<FileTree>> FileTree::open(const std::string& path, WalkOptions options,
                                                 NameTest wanted) {
  TRY(FilesRoot root, files_root_of(path));
  options.pattern = std::move(root.pattern);
  TRY(std::unique_ptr<DirectoryWalk> opened,
      DirectoryWalk::open(std::move(root.directory), std::move(options)));
  return std::unique_ptr<FileTree>(new FileTree(std::move(opened), std::move(wanted)));
}

Task<Result<std::optional<TreeEntry>>> FileTree::next() {
  while (!walk_->ended()) {
    if (turns_.due()) CO_TRY_VOID(co_await take_turn());
    Result<std::optional<FileEntry>> next = walk_->step();
    // A link that leads nowhere, a socket, a name that is not UTF-8: no error where it is not meant
    // anyway.
    const bool is_no_file = !next && (next.error().kind == ErrorKind::kNotFound ||
                                      next.error().kind == ErrorKind::kUnsupported ||
                                      next.error().kind == ErrorKind::kInvalid);
    if (is_no_file && !wanted_(walk_->current_path())) continue;
    CO_TRY(std::optional<FileEntry> file, std::move(next));
    if (!file || !wanted_(file->path)) continue;
    if (file->is_link) {
      ++links_left_;
      continue;
    }
    TreeEntry entry{
        .name = std::move(file->path), .size = file->size, .below_link = file->below_link};
    entry.modified =
        std::chrono::system_clock::time_point(std::chrono::nanoseconds(file->modified_ns));
    co_return entry;
  }
  co_return std::optional<TreeEntry>();
}

Result<std::unique_ptr<ObjectTree>> ObjectTree::open(ObjectStore& store,
                                                     const ObjectAddress& address,
                                                     NameTest wanted) {
  std::unique_ptr<ObjectTree> tree(new ObjectTree(store, address.bucket, std::move(wanted)));
  tree->options_.prefix = address.key;
  if (is_glob(address.key)) {
    TRY(tree->pattern_, Glob::parse(address.key));
    tree->options_.prefix = tree->pattern_->base();
  }
  return tree;
}

Task<Result<std::optional<TreeEntry>>> ObjectTree::next() {
  for (;;) {
    while (next_ < page_.objects.size()) {
      ListEntry& object = page_.objects[next_++];
      std::string name = object.key.substr(base().size());
      if (name.empty() || (pattern_ && !pattern_->matches(name)) || !wanted_(name)) {
        continue;
      }
      co_return TreeEntry{.name = std::move(name),
                          .size = object.size,
                          .modified = object.last_modified,
                          .etag = std::move(object.etag)};
    }
    if (std::exchange(last_page_, true)) co_return std::optional<TreeEntry>();
    CO_TRY(page_, co_await store_.list(bucket_, options_));
    options_.continuation = std::move(page_.continuation);
    last_page_ = options_.continuation.empty();
    next_ = 0;
  }
}

}  // namespace telpher
