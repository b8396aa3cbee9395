#include "codec/crc.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace telpher {
namespace {

std::vector<std::byte> random_bytes(Random& random, std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}

template <class AnyCrc>
typename AnyCrc::Word crc_of(Bytes bytes) {
  AnyCrc crc;
  crc.update(bytes);
  return crc.value();
}

TEST(Crc, PublishedCheckValues) {
  const Bytes digits = as_bytes("123456789");
  EXPECT_EQ(crc_of<Crc64Nvme>(digits), 0xAE8B14860A799888u);
  EXPECT_EQ(crc_of<Crc32c>(digits), 0xE3069283u);
  EXPECT_EQ(crc_of<Crc32>(digits), 0xCBF43926u);
  EXPECT_EQ(crc_of<Crc64Nvme>({}), 0u);
  // NVM Express, "64b CRC test cases": 4096 bytes of zeroes and of ones.
  EXPECT_EQ(crc_of<Crc64Nvme>(as_bytes(std::string(4096, '\0'))), 0x6482D367EB22B64Eu);
  EXPECT_EQ(crc_of<Crc64Nvme>(as_bytes(std::string(4096, '\xff'))), 0xC0DDBA7302ECA3ACu);
  // RFC 3720 §B.4.
  EXPECT_EQ(crc_of<Crc32c>(as_bytes(std::string(32, '\0'))), 0x8A9136AAu);
  EXPECT_EQ(crc_of<Crc32c>(as_bytes(std::string(32, '\xff'))), 0x62A8AB43u);
}

template <class AnyCrc>
void kernels_agree(CrcKernel kernel) {
  if (!crc_kernel_available(kernel)) GTEST_SKIP() << "this CPU lacks it";
  Random random(7);
  const auto bytes = random_bytes(random, 5000);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t size = round < 1200 ? round : random.below(bytes.size());
    const std::size_t offset = random.below(bytes.size() - size + 1);
    const std::size_t cut = random.below(size + 1);
    const Bytes whole = Bytes(bytes).subspan(offset, size);
    AnyCrc table;
    table.update_with(CrcKernel::kTable, whole);
    AnyCrc fast;
    fast.update_with(kernel, whole.first(cut));
    fast.update_with(kernel, whole.subspan(cut));
    ASSERT_EQ(fast.value(), table.value()) << "size " << size << " cut " << cut;
  }
}

TEST(Crc, PclmulAgreesWithTheTable) {
  kernels_agree<Crc64Nvme>(CrcKernel::kPclmul);
  kernels_agree<Crc32c>(CrcKernel::kPclmul);
  kernels_agree<Crc32>(CrcKernel::kPclmul);
}

TEST(Crc, Vpclmul512AgreesWithTheTable) {
  kernels_agree<Crc64Nvme>(CrcKernel::kVpclmul512);
  kernels_agree<Crc32c>(CrcKernel::kVpclmul512);
  kernels_agree<Crc32>(CrcKernel::kVpclmul512);
}

template <class AnyCrc>
void combining_equals_hashing_the_whole() {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    const auto bytes = random_bytes(random, random.below(3000));
    const std::size_t cut = random.below(bytes.size() + 1);
    const Bytes whole(bytes);
    EXPECT_EQ(AnyCrc::combine(crc_of<AnyCrc>(whole.first(cut)), crc_of<AnyCrc>(whole.subspan(cut)),
                              whole.size() - cut),
              crc_of<AnyCrc>(whole));
  }
}

TEST(Crc, CombiningEqualsHashingTheWhole) {
  combining_equals_hashing_the_whole<Crc64Nvme>();
  combining_equals_hashing_the_whole<Crc32c>();
  combining_equals_hashing_the_whole<Crc32>();
}

TEST(Crc, CombinesLengthsBeyondMemory) {
  // Associative: (a · b) · c = a · (b · c), with pieces of 5 TiB.
  constexpr ByteCount kLength = ByteCount{5} << 40;
  const auto left = Crc64Nvme::combine(Crc64Nvme::combine(1, 2, kLength), 3, kLength);
  const auto right = Crc64Nvme::combine(1, Crc64Nvme::combine(2, 3, kLength), 2 * kLength);
  EXPECT_EQ(left, right);
}

}  // namespace
}  // namespace telpher
