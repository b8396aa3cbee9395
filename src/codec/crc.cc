#include "codec/crc.h"

#include "base/check.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace telpher {
namespace {

static_assert(std::endian::native == std::endian::little);

// Polynomials over GF(2) are kept reflected: the most significant bit of a word is the coefficient
// of x^0, so multiplying by x is a shift to the right.
template <class P>
constexpr typename P::Word times_x(typename P::Word a) {
  return (a >> 1) ^ ((a & 1) != 0 ? P::kReflected : 0);
}

template <class P>
constexpr typename P::Word multiply(typename P::Word a, typename P::Word b) {
  using Word = typename P::Word;
  Word product = 0;
  for (Word bit = std::rotr(Word{1}, 1); bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = times_x<P>(b);
  }
  return product;
}

// kPowers[k] = x^(8 * 2^k) mod P: what 2^k bytes shift a CRC by.
template <class P>
constexpr auto make_byte_shifts() {
  using Word = typename P::Word;
  std::array<Word, 64> shifts{};
  Word power = std::rotr(Word{1}, 1);
  for (int i = 0; i < 8; ++i) power = times_x<P>(power);
  for (Word& shift : shifts) {
    shift = power;
    power = multiply<P>(power, power);
  }
  return shifts;
}

template <class P>
constexpr auto kByteShifts = make_byte_shifts<P>();

// kTables<P>[j][b]: the CRC register after byte b and then j zero bytes.
template <class P>
constexpr auto make_tables() {
  using Word = typename P::Word;
  std::array<std::array<Word, 256>, 8> tables{};
  for (std::size_t b = 0; b < 256; ++b) {
    Word state = static_cast<Word>(b);
    for (int i = 0; i < 8; ++i) state = times_x<P>(state);
    tables[0][b] = state;
  }
  for (std::size_t j = 1; j < tables.size(); ++j) {
    for (std::size_t b = 0; b < 256; ++b) {
      const Word before = tables[j - 1][b];
      tables[j][b] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

template <class P>
constexpr auto kTables = make_tables<P>();

template <class P>
typename P::Word update_by_table(typename P::Word state, const std::byte* data, std::size_t size) {
  using Word = typename P::Word;
  const auto& tables = kTables<P>;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    word ^= state;
    state = 0;
    for (int i = 0; i < 8; ++i) state ^= tables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; size > 0; ++data, --size) {
    const auto index = (state ^ static_cast<Word>(*data)) & 0xff;
    state = static_cast<Word>(static_cast<std::uint64_t>(state) >> 8) ^ tables[0][index];
  }
  return state;
}

#if defined(__x86_64__)

// Folding (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", 2009): 128
// bits of message can be replaced by themselves times x^d mod P, xored onto the bits d further on.
// A product of reflected words comes out one bit low, hence the -1 in each exponent.
template <class P>
constexpr std::uint64_t power_of_x(unsigned exponent) {
  using Word = typename P::Word;
  Word power = std::rotr(Word{1}, 1);
  for (unsigned i = 0; i < exponent; ++i) power = times_x<P>(power);
  return static_cast<std::uint64_t>(power) << (64 - 8 * sizeof(Word));
}

struct FoldKeys {
  std::uint64_t low;   // for the first 64 bits, which are 64 further from the target
  std::uint64_t high;  // for the second
};

template <class P, unsigned kBytes>
constexpr FoldKeys kFold{power_of_x<P>(8 * kBytes + 64 - 1), power_of_x<P>(8 * kBytes - 1)};

#define TELPHER_TARGET_PCLMUL __attribute__((target("sse4.1,pclmul")))
#define TELPHER_TARGET_VPCLMUL \
  __attribute__((target("sse4.1,pclmul,avx512f,avx512vl,avx512dq,vpclmulqdq")))
#define TELPHER_INLINE inline __attribute__((always_inline))

TELPHER_TARGET_PCLMUL TELPHER_INLINE __m128i load128(const std::byte* data) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data));
}

TELPHER_TARGET_PCLMUL TELPHER_INLINE __m128i keys128(FoldKeys keys) {
  return _mm_set_epi64x(static_cast<long long>(keys.high), static_cast<long long>(keys.low));
}

TELPHER_TARGET_PCLMUL TELPHER_INLINE __m128i fold128(__m128i sum, __m128i keys, __m128i next) {
  const __m128i low = _mm_clmulepi64_si128(sum, keys, 0x00);
  const __m128i high = _mm_clmulepi64_si128(sum, keys, 0x11);
  return _mm_xor_si128(next, _mm_xor_si128(low, high));
}

// Folds whole 16-byte blocks onto `sum`, then lets the table finish the last few bytes.
template <class P>
TELPHER_TARGET_PCLMUL TELPHER_INLINE typename P::Word finish128(__m128i sum, const std::byte* data,
                                                                std::size_t size) {
  const __m128i keys = keys128(kFold<P, 16>);
  for (; size >= 16; data += 16, size -= 16) sum = fold128(sum, keys, load128(data));
  std::byte last[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(last), sum);
  return update_by_table<P>(update_by_table<P>(0, last, 16), data, size);
}

template <class P>
TELPHER_TARGET_PCLMUL typename P::Word update_by_pclmul(typename P::Word state,
                                                        const std::byte* data, std::size_t size) {
  constexpr unsigned kLanes = 8;
  constexpr unsigned kBlock = 16 * kLanes;
  const __m128i start = _mm_cvtsi64_si128(static_cast<long long>(std::uint64_t{state}));
  if (size < 32) return update_by_table<P>(state, data, size);
  if (size < 2 * kBlock) {
    return finish128<P>(_mm_xor_si128(load128(data), start), data + 16, size - 16);
  }
  __m128i sums[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) sums[i] = load128(data + 16 * i);
  sums[0] = _mm_xor_si128(sums[0], start);
  data += kBlock;
  size -= kBlock;
  const __m128i keys = keys128(kFold<P, kBlock>);
  for (; size >= kBlock; data += kBlock, size -= kBlock) {
    for (unsigned i = 0; i < kLanes; ++i) sums[i] = fold128(sums[i], keys, load128(data + 16 * i));
  }
  __m128i sum = sums[0];
  for (unsigned i = 1; i < kLanes; ++i) sum = fold128(sum, keys128(kFold<P, 16>), sums[i]);
  return finish128<P>(sum, data, size);
}

TELPHER_TARGET_VPCLMUL TELPHER_INLINE __m512i load512(const std::byte* data) {
  return _mm512_loadu_si512(data);
}

TELPHER_TARGET_VPCLMUL TELPHER_INLINE __m512i fold512(__m512i sum, __m512i keys, __m512i next) {
  const __m512i low = _mm512_clmulepi64_epi128(sum, keys, 0x00);
  const __m512i high = _mm512_clmulepi64_epi128(sum, keys, 0x11);
  return _mm512_ternarylogic_epi64(next, low, high, 0x96);  // three-way xor
}

template <class P>
TELPHER_TARGET_VPCLMUL typename P::Word update_by_vpclmul(typename P::Word state,
                                                          const std::byte* data, std::size_t size) {
  constexpr unsigned kLanes = 4;
  constexpr unsigned kBlock = 64 * kLanes;
  if (size < 2 * kBlock) return update_by_pclmul<P>(state, data, size);
  const __m128i start = _mm_cvtsi64_si128(static_cast<long long>(std::uint64_t{state}));
  __m512i sums[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) sums[i] = load512(data + 64 * i);
  sums[0] = _mm512_xor_si512(sums[0], _mm512_zextsi128_si512(start));
  data += kBlock;
  size -= kBlock;
  const __m512i far = _mm512_broadcast_i32x4(keys128(kFold<P, kBlock>));
  for (; size >= kBlock; data += kBlock, size -= kBlock) {
    for (unsigned i = 0; i < kLanes; ++i) sums[i] = fold512(sums[i], far, load512(data + 64 * i));
  }
  const __m512i near = _mm512_broadcast_i32x4(keys128(kFold<P, 64>));
  __m512i sum = sums[0];
  for (unsigned i = 1; i < kLanes; ++i) sum = fold512(sum, near, sums[i]);
  const __m128i keys = keys128(kFold<P, 16>);
  __m128i narrow = _mm512_castsi512_si128(sum);
  narrow = fold128(narrow, keys, _mm512_extracti32x4_epi32(sum, 1));
  narrow = fold128(narrow, keys, _mm512_extracti32x4_epi32(sum, 2));
  narrow = fold128(narrow, keys, _mm512_extracti32x4_epi32(sum, 3));
  return finish128<P>(narrow, data, size);
}

#endif  // __x86_64__

CrcKernel best_kernel() {
  for (CrcKernel kernel : {CrcKernel::kVpclmul512, CrcKernel::kPclmul}) {
    if (crc_kernel_available(kernel)) return kernel;
  }
  return CrcKernel::kTable;
}

template <class P>
typename P::Word update_by(CrcKernel kernel, typename P::Word state, Bytes bytes) {
  switch (kernel) {
#if defined(__x86_64__)
    case CrcKernel::kVpclmul512: return update_by_vpclmul<P>(state, bytes.data(), bytes.size());
    case CrcKernel::kPclmul: return update_by_pclmul<P>(state, bytes.data(), bytes.size());
#endif
    default: return update_by_table<P>(state, bytes.data(), bytes.size());
  }
}

}  // namespace

bool crc_kernel_available(CrcKernel kernel) {
  switch (kernel) {
    case CrcKernel::kTable: return true;
#if defined(__x86_64__)
    case CrcKernel::kPclmul:
      return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    case CrcKernel::kVpclmul512:
      return __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#endif
    default: return false;
  }
}

template <class P>
void Crc<P>::update(Bytes bytes) {
  static const CrcKernel kernel = best_kernel();
  state_ = update_by<P>(kernel, state_, bytes);
}

template <class P>
void Crc<P>::update_with(CrcKernel kernel, Bytes bytes) {
  CHECK(crc_kernel_available(kernel));
  state_ = update_by<P>(kernel, state_, bytes);
}

template <class P>
typename Crc<P>::Word Crc<P>::combine(Word crc_a, Word crc_b, ByteCount length_b) {
  for (std::size_t k = 0; length_b != 0; ++k, length_b >>= 1) {
    if ((length_b & 1) != 0) crc_a = multiply<P>(crc_a, kByteShifts<P>[k]);
  }
  return crc_a ^ crc_b;
}

template class Crc<Crc64NvmePolynomial>;
template class Crc<Crc32cPolynomial>;
template class Crc<Crc32Polynomial>;

}  // namespace telpher
