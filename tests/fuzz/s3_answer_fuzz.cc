// Documents of an S3 service: what is read is within limits, and a page of a listing survives being
// written by a service and read again. The first byte chooses the kind of document.

#include "s3/response.h"
#include "s3/service/xml_answer.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace telpher;

void check_list(std::string_view xml) {
  const auto list = s3_response::parse_list(xml);
  if (!list) {
    CHECK(list.error().kind == ErrorKind::kProtocol && list.error().is_temporary());
    return;
  }
  ListPage page = list->page;
  for (ListEntry& entry : page.objects) entry.last_modified = {};
  const auto again = s3_response::parse_list(list_document("bucket", {}, page, {}));
  // Not every text a service may send can stand in XML again: NUL and the like end it.
  if (!again) return;
  CHECK(again->page.objects.size() == page.objects.size());
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    CHECK(again->page.objects[i].key == page.objects[i].key);
    CHECK(again->page.objects[i].size == page.objects[i].size);
  }
  CHECK(again->page.prefixes == page.prefixes);
}

void check_parts(std::string_view xml) {
  const auto page = s3_response::parse_parts(xml);
  if (!page) return;
  for (const PartInfo& part : page->parts) CHECK(part.number >= 1 && part.number <= 10'000);
  CHECK(page->continuation >= 0 && page->continuation <= 10'000);
}

void check_uploads(std::string_view xml) {
  const auto page = s3_response::parse_uploads(xml);
  if (page) CHECK(page->upload_id_marker.empty() || !page->key_marker.empty());
}

void check_writes(std::string_view xml) {
  const auto result = s3_response::parse_write_document("CopyObject", xml, {});
  if (result) CHECK(!s3_response::is_error_document(xml));
  const auto part = s3_response::parse_copy_part(xml);
  if (part) CHECK(!part->etag.empty());
  const auto id = s3_response::parse_create_upload(xml);
  if (id) CHECK(!id->empty());
}

}  // namespace

FUZZ(std::string_view input) {
  if (input.empty()) return;
  const std::string_view xml = input.substr(1);
  switch (input.front()) {
    case 'p': return check_parts(xml);
    case 'u': return check_uploads(xml);
    case 'w': return check_writes(xml);
    case 'b':
      (void)s3_response::parse_buckets(xml);
      (void)s3_response::parse_tags(xml);
      (void)s3_response::parse_xml_time(xml);
      return;
    default: return check_list(xml);
  }
}
