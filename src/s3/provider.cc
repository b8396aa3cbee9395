#include "s3/provider.h"

#include "codec/text.h"

#include <algorithm>
#include <array>

namespace telpher {
namespace {

constexpr Capabilities with(Capabilities base, void (*change)(Capabilities&)) {
  change(base);
  return base;
}

/// No checksum headers, no conditional writes: what the first decade of S3 could do.
constexpr Capabilities kBasic = with({}, [](Capabilities& can) {
  can.checksums = can.conditional_writes = can.conditional_complete = can.conditional_removes =
      false;
});

constexpr std::array kProviders = {
    Provider{.name = "AWS",
             .hosts = ".amazonaws.com .amazonaws.com.cn",
             .addressing = Addressing::kVirtualHost,
             .location_constraint = true},
    Provider{.name = "MinIO",
             .hosts = "",
             .capabilities = with({}, [](Capabilities& can) { can.conditional_removes = false; })},
    Provider{.name = "Telpher", .hosts = ""},
    // The RADOS gateway 16. Conditions are honoured on PutObject, not on Complete.
    Provider{.name = "Ceph",
             .hosts = "",
             .capabilities = with(kBasic,
                                  [](Capabilities& can) {
                                    can.conditional_writes = true;
                                    can.partial_complete = false;
                                  }),
             .copy_if_match = "x-amz-copy-if-match",
             .quoted_if_match = false,
             .copy_part_checks = false,
             .copy_part_from_percent_keys = false,
             .copy_takes_tags = false,
             .create_upload_takes_tags = false,
             .complete_tells_missing = false},
    Provider{.name = "Swift",
             .hosts = "",
             .capabilities = with(kBasic,
                                  [](Capabilities& can) {
                                    can.tagging = false;
                                    can.parts_max = 1'000;
                                  }),
             .copy_part_checks = false},
    // Source: R2 documentation, "S3 API compatibility" and "Multipart upload": parts of one size.
    Provider{.name = "R2",
             .hosts = ".r2.cloudflarestorage.com",
             .region = "auto",
             .capabilities = with({},
                                  [](Capabilities& can) {
                                    can.equal_parts = true;
                                    can.tagging = can.conditional_complete =
                                        can.conditional_removes = false;
                                  })},
    // Conditions are by generation (x-goog-if-generation-match), not by ETag.
    Provider{.name = "GCS",
             .hosts = "storage.googleapis.com .storage.googleapis.com",
             .region = "auto",
             .capabilities = with(kBasic, [](Capabilities& can) { can.tagging = false; })},
    Provider{.name = "B2",
             .hosts = ".backblazeb2.com",
             .capabilities = with(kBasic, [](Capabilities& can) { can.tagging = false; })},
    Provider{.name = "Wasabi", .hosts = ".wasabisys.com", .capabilities = kBasic},
    // Source: Scaleway documentation, "Object Storage limits".
    Provider{.name = "Scaleway",
             .hosts = ".scw.cloud",
             .region = "fr-par",
             .capabilities = with(kBasic, [](Capabilities& can) { can.parts_max = 1'000; })},
    Provider{.name = "Storj", .hosts = ".storjshare.io", .capabilities = kBasic},
    // The last row: careful, and learns from the answers.
    Provider{.name = "unknown",
             .hosts = "",
             .capabilities = with({},
                                  [](Capabilities& can) {
                                    can.conditional_writes = can.conditional_complete =
                                        can.conditional_removes = false;
                                  }),
             .checksums_unproven = true},
};

bool has_suffix_in(std::string_view host, std::string_view suffixes) {
  while (!suffixes.empty()) {
    const std::size_t end = std::min(suffixes.find(' '), suffixes.size());
    const std::string_view suffix = suffixes.substr(0, end);
    if (host.size() >= suffix.size() && iequals(host.substr(host.size() - suffix.size()), suffix)) {
      return true;
    }
    suffixes.remove_prefix(std::min(end + 1, suffixes.size()));
  }
  return false;
}

/// "tx", 21 hexadecimal digits, "-", 10 more: a transaction id of Swift. The RADOS gateway appends
/// an instance and a zone.
enum class IdForm { kOther, kSwift, kCeph };
IdForm form_of_id(std::string_view id) {
  if (id.size() < 34 || !id.starts_with("tx") || id[23] != '-') return IdForm::kOther;
  const std::string_view digits = id.substr(2, 21);
  const bool is_hex = std::all_of(digits.begin(), digits.end(), [](char c) {
    return is_ascii_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
  });
  if (!is_hex) return IdForm::kOther;
  return id.size() > 34 && id[34] == '-' ? IdForm::kCeph : IdForm::kSwift;
}

}  // namespace

const Provider& unknown_provider() { return kProviders.back(); }

const Provider& provider_of_host(std::string_view host) {
  for (const Provider& provider : kProviders) {
    if (!provider.hosts.empty() && has_suffix_in(host, provider.hosts)) return provider;
  }
  return unknown_provider();
}

const Provider* provider_named(std::string_view name) {
  for (const Provider& provider : kProviders) {
    if (iequals(provider.name, name)) return &provider;
  }
  return nullptr;
}

const Provider* provider_of_answer(const Headers& headers) {
  if (const auto server = headers.find("server")) {
    if (istarts_with(*server, "MinIO")) return provider_named("MinIO");
    if (istarts_with(*server, "AmazonS3")) return provider_named("AWS");
    if (istarts_with(*server, "Ceph")) return provider_named("Ceph");
    if (istarts_with(*server, "telpher")) return provider_named("Telpher");
  }
  if (const auto id = headers.find("x-amz-request-id")) {
    switch (form_of_id(*id)) {
      case IdForm::kCeph: return provider_named("Ceph");
      case IdForm::kSwift: return provider_named("Swift");
      case IdForm::kOther: break;
    }
  }
  return nullptr;
}

std::string_view region_of_host(const Provider& provider, std::string_view host) {
  std::string_view suffixes = provider.hosts;
  while (!suffixes.empty()) {
    const std::size_t end = std::min(suffixes.find(' '), suffixes.size());
    const std::string_view suffix = suffixes.substr(0, end);
    suffixes.remove_prefix(std::min(end + 1, suffixes.size()));
    if (!istarts_with(host, "s3.") || !suffix.starts_with('.') || !host.ends_with(suffix)) continue;
    if (host.size() <= 3 + suffix.size()) continue;
    const std::string_view region = host.substr(3, host.size() - 3 - suffix.size());
    if (region.find('.') == std::string_view::npos) return region;
    // "s3.dualstack.eu-west-1.amazonaws.com"
    if (region.starts_with("dualstack.")) return region.substr(10);
  }
  return provider.region;
}

}  // namespace telpher
