#pragma once
// Is the object that is there the one we meant to write? Only proof counts: a digest that covers
// all bytes, and the size. "Don't know" is false.

#include "runtime/body.h"
#include "store/object_store.h"

namespace telpher {

/// A plain PUT of `body`; digests it when the store says nothing by `announced`'s algorithm.
Task<bool> is_same_content(ObjectInfo info, Body body, std::optional<Digest> announced,
                           bool etag_is_md5);

/// A completed upload of `parts`.
bool is_same_content(const ObjectInfo& info, const std::vector<PartInfo>& parts,
                     const CompleteOptions& options, bool etag_is_md5);

/// A copy.
bool is_same_content(const ObjectInfo& source, const ObjectInfo& copy);

}  // namespace telpher
