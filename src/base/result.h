#pragma once
// Result<T>: a value or an Error. It is std::expected made [[nodiscard]] and small, with macros
// that pass failures up.
//
//   TRY(Uri uri, parse_uri(text));          in a function that returns Result
//   CO_TRY(auto info, co_await store.head(…));   in a Task<Result<…>>
//   TRY_VOID(check(x));  CO_TRY_VOID(co_await f());

#include "base/error.h"

#include <expected>
#include <memory>
#include <utility>

namespace telpher {

/// An Error on the heap: failures are rare and 160 bytes large, and each Result that is on its way
/// through a coroutine has its place in the frame. Copies are deep; moved-from, it is empty.
class BoxedError {
 public:
  explicit BoxedError(Error error) : error_(std::make_unique<Error>(std::move(error))) {}
  BoxedError(const BoxedError& other) : BoxedError(*other.error_) {}
  BoxedError(BoxedError&&) noexcept = default;
  BoxedError& operator=(const BoxedError& other) { return *this = BoxedError(other); }
  BoxedError& operator=(BoxedError&&) noexcept = default;
  ~BoxedError() = default;
  Error& operator*() const { return *error_; }

 private:
  std::unique_ptr<Error> error_;
};

template <class T>
class [[nodiscard]] Result : public std::expected<T, BoxedError> {
  using Base = std::expected<T, BoxedError>;

 public:
  using Base::Base;
  Result(Error error) : Base(std::unexpect, std::move(error)) {}

  /// Only where there is no value, and not after the Result has been moved from.
  Error& error() & { return *Base::error(); }
  const Error& error() const& { return *Base::error(); }
  Error&& error() && { return std::move(*Base::error()); }
};

}  // namespace telpher

#define TELPHER_CONCAT_(a, b) a##b
#define TELPHER_CONCAT(a, b) TELPHER_CONCAT_(a, b)

#define TELPHER_TRY_(name, declaration, return_, ...)     \
  auto name = (__VA_ARGS__);                              \
  if (!name.has_value()) return_ std::move(name).error(); \
  declaration = *std::move(name)

#define TELPHER_TRY_VOID_(return_, ...)                                         \
  do {                                                                          \
    auto telpher_result = (__VA_ARGS__);                                        \
    if (!telpher_result.has_value()) return_ std::move(telpher_result).error(); \
  } while (false)

#define TRY(declaration, ...) \
  TELPHER_TRY_(TELPHER_CONCAT(telpher_result_, __COUNTER__), declaration, return, __VA_ARGS__)
#define TRY_VOID(...) TELPHER_TRY_VOID_(return, __VA_ARGS__)
#define CO_TRY(declaration, ...) \
  TELPHER_TRY_(TELPHER_CONCAT(telpher_result_, __COUNTER__), declaration, co_return, __VA_ARGS__)
#define CO_TRY_VOID(...) TELPHER_TRY_VOID_(co_return, __VA_ARGS__)
