#pragma once
// ObjectWalk: what an address of a store means to the verbs that deal with objects one by one, and
// the objects it means, page by page. The next page is on its way while one is worked on, and no
// more than two are in memory. Lives in the verb's frame, on its loop.

#include "runtime/semaphore.h"
#include "session/address.h"
#include "session/copy_settings.h"
#include "session/session.h"
#include "source/glob.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace telpher {

class CommandLine;

/// What a key means that is neither a pattern nor ends in "/".
enum class PlainKey {
  kObject,  // the object of that name
  kPrefix,  // whatever begins so
  kTree     // the object of that name, and all below it: "KEY" and "KEY/…"
};

struct ObjectWalkOptions {
  PlainKey plain = PlainKey::kObject;
  bool one_level = false;  // what lies deeper shows as a prefix
  bool versions = false;   // all versions and delete markers
  NameFilter filter = {};  // of objects, by their names relative to base()
};

struct WalkPage {
  std::vector<ListEntry> objects;
  std::vector<std::string> prefixes;
};

class ObjectWalk {
 public:
  /// Patterns: an object of that very name goes before what the pattern matches. With kTree
  /// a pattern means all below what it matches, too. A version that is named is a plain object's.
  /// `session` outlives the walk. Errors: kInvalid (no bucket, pattern), those of head().
  static Task<Result<ObjectWalk>> open(Session* session, Address address,
                                       ObjectWalkOptions options);

  ObjectStore& store() const { return *store_; }
  const std::string& bucket() const { return bucket_; }
  Address::Kind kind() const { return kind_; }
  /// The one key that is meant; empty = those that are found by listing.
  const std::string& single() const { return single_; }
  bool is_pattern() const { return pattern_.has_value(); }
  /// What names are relative to: all keys begin with it.
  const std::string& base() const { return base_; }
  /// "s3://bucket/key"
  std::string address_of(std::string_view key) const;

  /// Pushes the pages and closes the queue, also after an error; pages may be empty.
  /// Errors: the store's; kNotFound when single() is not there.
  Task<Result<void>> list_into(BoundedQueue<WalkPage>* pages);
  /// Calls `take` for each page, one after the other. Errors: also those of `take`, which end it.
  using TakePage = std::function<Task<Result<void>>(WalkPage)>;
  Task<Result<void>> for_each(TakePage take);
  /// Objects that for_each() has found so far.
  std::uint64_t found() const { return found_; }
  /// Those that the filter alone has kept from being found.
  std::uint64_t left_out() const { return left_out_; }

 private:
  Task<Result<void>> settle(PlainKey plain);
  Task<Result<void>> list_pages(BoundedQueue<WalkPage>* pages);
  bool wants(std::string_view key);
  bool wants_prefix(std::string_view prefix) const;

  ObjectStore* store_ = nullptr;
  Address::Kind kind_ = Address::Kind::kS3;
  std::string bucket_;
  std::string key_;  // as typed
  std::string single_;
  std::string base_;
  std::string prefix_;  // listed; base_ or longer
  // Of what prefix_ lists, only this key, and what lies below the tree; empty = all.
  std::string stem_;
  std::string stem_tree_;
  std::optional<Glob> pattern_;
  std::optional<Glob> below_;        // what lies below a match
  std::optional<ListEntry> itself_;  // known from a HEAD
  NameFilter filter_;
  bool one_level_ = false;
  bool versions_ = false;
  std::uint64_t found_ = 0;
  std::uint64_t left_out_ = 0;
};

/// Calls `take` with the address of each object that is meant: the one of that name, at its version
/// if one is chosen, or those that a pattern matches. Errors: also those of `take`, which end it;
/// kNotFound when no object matches.
using TakeObject = std::function<Task<Result<void>>(Address)>;
Task<Result<void>> for_each_object(Session* session, Address address, TakeObject take);

/// Errors: kInvalid when one is no address of a store: "`verb` is about s3://… and local://…".
Result<std::vector<Address>> parse_store_addresses(const std::vector<std::string>& texts,
                                                   std::string_view verb);

/// --version-id: means that version of the one object that is named. Errors: kInvalid.
Result<void> choose_version(std::vector<Address>& addresses, const std::string& version_id);
void add_version_option(CommandLine& line, std::string& version_id);

}  // namespace telpher
