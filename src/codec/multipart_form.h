#pragma once
// Bodies of forms with files, multipart/form-data, taken apart as bytes arrive and without copying
// what the files hold. Strict: what two readers could understand differently is refused.
// One owner, one thread. Source: RFC 7578, RFC 2046 §5.1.

#include "base/bytes.h"
#include "base/result.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace telpher {

struct MultipartFormLimits {
  std::size_t header_bytes_max = 8 * 1024;    // of one part
  std::size_t outside_bytes_max = 64 * 1024;  // before the first boundary and after the last
};

/// What the head of a part says.
struct FormPart {
  std::string name;                      // of the form's field
  std::optional<std::string> file_name;  // as the client sent it, in UTF-8; no file when not set
  std::string content_type;              // as sent, in lower case, without parameters; may be empty
};

/// The boundary that a Content-Type of multipart/form-data names.
/// Errors: kInvalid (another type, no boundary, one that RFC 2046 forbids).
Result<std::string> parse_form_boundary(std::string_view content_type);

class MultipartFormParser {
 public:
  explicit MultipartFormParser(std::string_view boundary, MultipartFormLimits limits = {});

  enum class Event {
    kNone,     // more input is needed
    kPart,     // a part begins: part() describes it
    kData,     // the next bytes of its content
    kPartEnd,  // the part is complete
    kEnd,      // the last boundary has been read: done()
  };
  struct Step {
    std::size_t consumed = 0;  // how many bytes of the input are done with
    Event event = Event::kNone;
    Bytes data;  // kData: in the input, or in the parser (good until the next call); not empty
  };

  /// Takes the next bytes up to one event at most; call until the input is used up. What follows
  /// the last boundary is taken and ignored. After an error the parser stays failed.
  /// Errors: kProtocol (malformed), kLimit (a head, or what is outside of the parts, is too long),
  /// kUnsupported (a transfer encoding).
  Result<Step> next(Bytes input);

  /// The last boundary has been read. A body that ends before has been cut off.
  bool done() const { return state_ == State::kEpilogue; }
  const FormPart& part() const { return part_; }
  /// Bytes that were consumed and may turn out to be content: so many kData will hand out first.
  std::size_t held_back() const { return state_ == State::kContent ? matched_ : 0; }

 private:
  enum class State { kPreamble, kBoundaryLine, kHead, kContent, kEpilogue, kFailed };

  Result<Step> step(Bytes input);
  Result<Step> take_content(Bytes input);
  Result<Step> take_boundary_line(Bytes input);
  Result<Step> take_head(Bytes input);
  Result<void> count_outside(std::size_t bytes);
  Result<void> parse_head();

  const MultipartFormLimits limits_;
  const std::string delimiter_;  // CRLF, "--", the boundary
  State state_ = State::kPreamble;
  std::size_t matched_;  // bytes of the delimiter that the input ended with
  std::size_t outside_ = 0;
  std::string line_;  // what follows a boundary; the head as far as it has come
  std::size_t line_at_ = 0;
  FormPart part_;
};

}  // namespace telpher
