#pragma once
// Result<T>: a value or an Error. It is std::expected made [[nodiscard]], with macros that pass
// failures up.
//
//   TRY(Uri uri, parse_uri(text));          in a function that returns Result
//   CO_TRY(auto info, co_await store.head(…));   in a Task<Result<…>>
//   TRY_VOID(check(x));  CO_TRY_VOID(co_await f());

#include "base/error.h"

#include <expected>
#include <utility>

namespace telpher {

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error error) : std::expected<T, Error>(std::unexpected(std::move(error))) {}
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  Result(Error error) : std::expected<void, Error>(std::unexpected(std::move(error))) {}
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
