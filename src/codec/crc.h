#pragma once
// Cyclic redundancy checks fast enough to be free: folding with carry-less multiplication where the
// CPU has it (chosen once, at run time), tables elsewhere. A value object; one thread at a time.

#include "base/bytes.h"

#include <cstdint>

namespace telpher {

/// How a CRC is computed. All three give the same values; tests compare them.
enum class CrcKernel {
  kTable,       // any CPU
  kPclmul,      // x86-64 with PCLMULQDQ
  kVpclmul512,  // x86-64 with VPCLMULQDQ and AVX-512
};

/// Whether this CPU can run `kernel`.
bool crc_kernel_available(CrcKernel kernel);

struct Crc64NvmePolynomial {
  using Word = std::uint64_t;
  static constexpr Word kReflected = 0x9A6C9329AC4BC9B5;
};
struct Crc32cPolynomial {
  using Word = std::uint32_t;
  static constexpr Word kReflected = 0x82F63B78;
};
struct Crc32Polynomial {
  using Word = std::uint32_t;
  static constexpr Word kReflected = 0xEDB88320;
};

/// A reflected CRC with all-ones start value and final complement.
/// Source: NVM Express NVM Command Set 1.0 §5.2.1.3.4 (CRC-64/NVME), RFC 3720 (CRC-32C),
/// ISO 3309 (CRC-32).
template <class Polynomial>
class Crc {
 public:
  using Word = typename Polynomial::Word;

  /// Takes the next bytes of the message.
  void update(Bytes bytes);
  /// As update(), by the kernel given, which must be available.
  void update_with(CrcKernel kernel, Bytes bytes);
  /// The CRC of everything taken so far.
  Word value() const { return ~state_; }

  /// The CRC of A followed by B, from their CRCs and the length of B in bytes.
  static Word combine(Word crc_a, Word crc_b, ByteCount length_b);

 private:
  Word state_ = ~Word{0};
};

using Crc64Nvme = Crc<Crc64NvmePolynomial>;
using Crc32c = Crc<Crc32cPolynomial>;
using Crc32 = Crc<Crc32Polynomial>;

extern template class Crc<Crc64NvmePolynomial>;
extern template class Crc<Crc32cPolynomial>;
extern template class Crc<Crc32Polynomial>;

}  // namespace telpher
