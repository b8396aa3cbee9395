#pragma once
// An object of any store as a source.

#include "source/source.h"
#include "store/object_store.h"

#include <memory>
#include <string>

namespace telpher {

/// `store` must outlive the source and its readers. Every read is made under If-Match: an object
/// that is replaced meanwhile fails with kSourceChanged.
/// @param address  how to name it to people and in the journal, across processes and without
///                 secrets: "s3://endpoint-host/bucket/key"
std::unique_ptr<Source> make_store_source(ObjectStore& store, ObjectAddress object,
                                          std::string address);

}  // namespace telpher
