#include "codec/multipart_form.h"

#include "codec/http_headers.h"
#include "codec/parameters.h"
#include "codec/text.h"
#include "codec/utf8.h"

#include <algorithm>
#include <cstring>

namespace telpher {
namespace {

constexpr std::size_t kPaddingMax = 256;  // white space after a boundary
constexpr std::size_t kHeadFieldsMax = 32;

Error malformed(std::string_view what) {
  return make_error(ErrorKind::kProtocol, "the form is malformed: " + std::string(what));
}

bool is_boundary(std::string_view text) {
  static constexpr std::string_view kOthers = "'()+_,-./:=? ";
  if (text.empty() || text.size() > 70 || text.back() == ' ') return false;
  return std::ranges::all_of(
      text, [](char c) { return is_ascii_alpha(c) || is_ascii_digit(c) || kOthers.contains(c); });
}

std::string_view without_parameters(std::string_view value) {
  return trim_blanks(value.substr(0, value.find(';')));
}

std::string to_utf8(std::string text) { return is_utf8(text) ? text : latin1_to_utf8(text); }

}  // namespace

Result<std::string> parse_form_boundary(std::string_view content_type) {
  if (!iequals(without_parameters(content_type), "multipart/form-data")) {
    return make_error(ErrorKind::kInvalid, "the body is no multipart/form-data");
  }
  const std::size_t semicolon = content_type.find(';');
  std::string_view rest = semicolon == std::string_view::npos ? "" : content_type.substr(semicolon);
  std::optional<std::string> boundary;
  while (auto parameter = take_parameter(rest)) {
    if (parameter->name != "boundary") continue;
    if (boundary) return make_error(ErrorKind::kInvalid, "the Content-Type has two boundaries");
    boundary = std::move(parameter->value);
  }
  if (!boundary) return make_error(ErrorKind::kInvalid, "the Content-Type has no boundary");
  if (!is_boundary(*boundary)) {
    return make_error(ErrorKind::kInvalid, "the boundary in the Content-Type is malformed");
  }
  return *std::move(boundary);
}

// The body may begin with a boundary: as if a line break stood before it.
MultipartFormParser::MultipartFormParser(std::string_view boundary, MultipartFormLimits limits)
    : limits_(limits), delimiter_("\r\n--" + std::string(boundary)), matched_(2) {}

Result<MultipartFormParser::Step> MultipartFormParser::next(Bytes input) {
  Result<Step> result = step(input);
  if (!result) state_ = State::kFailed;
  return result;
}

Result<MultipartFormParser::Step> MultipartFormParser::step(Bytes input) {
  switch (state_) {
    case State::kPreamble: {
      // As content that nobody wants.
      TRY(Step step, take_content(input));
      TRY_VOID(count_outside(step.data.size()));
      step.data = {};
      if (step.event == Event::kData || step.event == Event::kPartEnd) step.event = Event::kNone;
      return step;
    }
    case State::kBoundaryLine: return take_boundary_line(input);
    case State::kHead: return take_head(input);
    case State::kContent: return take_content(input);
    case State::kEpilogue:
      TRY_VOID(count_outside(input.size()));
      return Step{.consumed = input.size(), .event = Event::kNone, .data = {}};
    case State::kFailed: break;
  }
  return make_error(ErrorKind::kProtocol, "the form was malformed");
}

Result<void> MultipartFormParser::count_outside(std::size_t bytes) {
  outside_ += bytes;
  if (outside_ > limits_.outside_bytes_max) {
    return make_error(ErrorKind::kLimit, "the form has too many bytes outside of its parts");
  }
  return {};
}

// The delimiter's only CR is its first byte. So where a match breaks off, nothing that was matched
// can be the beginning of another one.
Result<MultipartFormParser::Step> MultipartFormParser::take_content(Bytes input) {
  const std::string_view text = as_text(input);
  if (matched_ > 0) {
    const std::size_t wanted = delimiter_.size() - matched_;
    const std::string_view more = text.substr(0, wanted);
    if (delimiter_.compare(matched_, more.size(), more) != 0) {
      const Bytes held = as_bytes(delimiter_).first(std::exchange(matched_, 0));
      return Step{.consumed = 0, .event = Event::kData, .data = held};
    }
    if (more.size() < wanted) {
      matched_ += more.size();
      return Step{.consumed = more.size(), .event = Event::kNone, .data = {}};
    }
    matched_ = 0;
    line_.clear();
    state_ = State::kBoundaryLine;
    return Step{.consumed = wanted, .event = Event::kPartEnd, .data = {}};
  }
  std::size_t at = 0;
  while ((at = text.find('\r', at)) != std::string_view::npos) {
    const std::string_view here = text.substr(at, delimiter_.size());
    if (delimiter_.starts_with(here)) break;
    ++at;
  }
  at = std::min(at, text.size());
  // All that matches so far is held back; whether it is the delimiter, the code above finds out.
  matched_ = std::min(text.size() - at, delimiter_.size() - 1);
  return Step{.consumed = at + matched_,
              .event = at > 0 ? Event::kData : Event::kNone,
              .data = input.first(at)};
}

Result<MultipartFormParser::Step> MultipartFormParser::take_boundary_line(Bytes input) {
  const std::string_view text = as_text(input);
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at++];
    line_ += c;
    if (line_ == "--") {
      state_ = State::kEpilogue;
      return Step{.consumed = at, .event = Event::kEnd, .data = {}};
    }
    if (line_.ends_with("\r\n")) {
      line_.clear();
      line_at_ = 0;
      state_ = State::kHead;
      return Step{.consumed = at, .event = Event::kNone, .data = {}};
    }
    const bool too_much = line_.size() > 1 && (line_[line_.size() - 2] == '\r' || line_[0] == '-');
    if (too_much || (c != '\r' && line_ != "-" && !is_blank(c))) {
      return malformed("a boundary is followed by something else");
    }
    if (line_.size() > kPaddingMax) return malformed("a boundary is followed by too much space");
  }
  return Step{.consumed = text.size(), .event = Event::kNone, .data = {}};
}

Result<MultipartFormParser::Step> MultipartFormParser::take_head(Bytes input) {
  const std::string_view text = as_text(input);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::size_t size = (end == std::string_view::npos ? text.size() : end + 1) - at;
    if (line_.size() + size > limits_.header_bytes_max) {
      return make_error(ErrorKind::kLimit, "the head of a part of the form is too long");
    }
    line_ += text.substr(at, size);
    at += size;
    if (end == std::string_view::npos) continue;
    if (std::string_view(line_).substr(line_at_) == "\r\n") {
      line_.resize(line_at_);
      TRY_VOID(parse_head());
      matched_ = 0;
      state_ = State::kContent;
      return Step{.consumed = at, .event = Event::kPart, .data = {}};
    }
    line_at_ = line_.size();
  }
  return Step{.consumed = text.size(), .event = Event::kNone, .data = {}};
}

Result<void> MultipartFormParser::parse_head() {
  const Result<Headers> parsed = Headers::parse(line_, kHeadFieldsMax);
  if (!parsed) return malformed(parsed.error().message);
  const Headers& headers = *parsed;
  for (std::string_view name : {"content-disposition", "content-type"}) {
    if (headers.count(name) > 1) return malformed("a part has two fields " + std::string(name));
  }
  const auto encoding = headers.find("content-transfer-encoding");
  if (encoding && !iequals(*encoding, "binary") && !iequals(*encoding, "8bit") &&
      !iequals(*encoding, "7bit")) {
    return make_error(ErrorKind::kUnsupported,
                      "parts of the form have a Content-Transfer-Encoding; send them as they are");
  }
  const auto disposition = headers.find("content-disposition");
  if (!disposition || !iequals(without_parameters(*disposition), "form-data")) {
    return malformed("a part has no Content-Disposition: form-data");
  }
  part_ = {};
  std::optional<std::string> name;
  std::optional<std::string> extended;
  std::string_view rest = *disposition;
  rest.remove_prefix(std::min(rest.size(), rest.find(';')));
  while (auto parameter = take_parameter(rest)) {
    std::optional<std::string>* const place = parameter->name == "name"        ? &name
                                              : parameter->name == "filename"  ? &part_.file_name
                                              : parameter->name == "filename*" ? &extended
                                                                               : nullptr;
    if (!place) continue;
    if (*place) return malformed("a part has two parameters " + parameter->name);
    *place = parameter->name == "filename*" ? decode_extended(parameter->value)
                                            : to_utf8(std::move(parameter->value));
  }
  if (!name) return malformed("a part has no name");
  part_.name = *std::move(name);
  if (extended && !extended->empty() && is_utf8(*extended)) part_.file_name = std::move(extended);
  if (const auto type = headers.find("content-type")) {
    part_.content_type = to_lower(without_parameters(*type));
  }
  return {};
}

}  // namespace telpher
