// ftp:// and sftp:// against vsftpd and OpenSSH's sshd, on loopback and without privileges.

#include "source/curl_source.h"

#include "runtime/loop.h"
#include "runtime/task_group.h"
#include "tests/interop/real_server.h"
#include "tests/support/http_imposter.h"
#include "tests/support/temporary_directory.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace telpher {
namespace {

Task<Result<std::string>> read_all(Source* source, std::optional<ByteRange> range,
                                   SourceInfo seen) {
  CO_TRY(std::unique_ptr<ByteReader> reader, co_await source->open(range, std::move(seen)));
  std::string text;
  std::byte chunk[10'000];
  for (;;) {
    CO_TRY(const std::size_t count, co_await reader->read_some(chunk));
    if (count == 0) co_return text;
    text += as_text({chunk, count});
  }
}

Task<Result<void>> check_range(Source* source, ByteRange range, SourceInfo seen) {
  CO_TRY(const std::string text, co_await read_all(source, range, std::move(seen)));
  EXPECT_EQ(text, imposter_content(1, range)) << range.offset;
  co_return Result<void>();
}

Task<Result<void>> check_ranges_side_by_side(Source* source, SourceInfo seen) {
  TaskGroup group(co_await current_context());
  for (ByteCount i = 0; i < 4; ++i) {
    group.spawn(check_range(source, {i * 1'000'000 + 17, 700'000}, seen));
  }
  co_return co_await group.join();
}

Task<Result<void>> abandon_half_way(Source* source, SourceInfo seen) {
  CO_TRY(std::unique_ptr<ByteReader> reader, co_await source->open(std::nullopt, std::move(seen)));
  std::byte chunk[1000];
  CO_TRY(const std::size_t count, co_await reader->read_some(chunk));
  co_return count > 0 ? Result<void>() : make_error(ErrorKind::kIo, "nothing came");
}

void age(const std::string& path) {
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

class CurlSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    files = directory.path() + "/files";
    directory.write("files/big file", imposter_content(1, {0, 5'000'000}));
    directory.write("files/empty", "");
    directory.write("files/new", "just written");
    age(files + "/big file");
    age(files + "/empty");
  }

  /// What every protocol must do; `base` ends before the file's name.
  void check_source(const std::string& base) {
    std::unique_ptr<Source> source = open(base + "/big%20file");
    const Result<SourceInfo> info = loop.run(source->probe());
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->size, 5'000'000u);
    EXPECT_TRUE(info->ranges && info->rereadable);
    EXPECT_EQ(info->name, "big file");
    EXPECT_EQ(std::chrono::system_clock::to_time_t(*info->last_modified), 1'700'000'000);
    EXPECT_EQ(loop.run(read_all(source.get(), {}, *info)).value(),
              imposter_content(1, {0, 5'000'000}));
    const Result<void> ranges = loop.run(check_ranges_side_by_side(source.get(), *info));
    EXPECT_TRUE(ranges) << ranges.error().message;
    EXPECT_TRUE(loop.run(abandon_half_way(source.get(), *info)));
    EXPECT_TRUE(loop.run(source->check_unchanged(*info)));

    directory.write("files/big file", "short");
    age(files + "/big file");
    EXPECT_FALSE(loop.run(source->check_unchanged(*info)));
    directory.write("files/big file", imposter_content(2, {0, 5'000'000}));
    EXPECT_EQ(loop.run(source->check_unchanged(*info)).error().kind, ErrorKind::kSourceChanged);
    EXPECT_EQ(loop.run(read_all(source.get(), ByteRange{5, 5}, *info)).error().kind,
              ErrorKind::kSourceChanged);

    source = open(base + "/empty");
    const Result<SourceInfo> empty = loop.run(source->probe());
    ASSERT_TRUE(empty) << empty.error().message;
    EXPECT_EQ(empty->size, 0u);
    EXPECT_EQ(loop.run(read_all(source.get(), {}, *empty)).value(), "");

    const Result<SourceInfo> fresh = loop.run(open(base + "/new")->probe());
    EXPECT_FALSE(fresh->ranges);  // it may change again within the same second
    const Result<SourceInfo> none = loop.run(open(base + "/none")->probe());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().kind, ErrorKind::kNotFound) << none.error().message;
    EXPECT_NE(none.error().message.find("Source file not found"), std::string::npos);
  }

  std::unique_ptr<Source> open(const std::string& url) {
    return make_curl_source(*parse_uri(url), options);
  }

  Loop loop;
  TemporaryDirectory directory;
  std::string files;
  CurlOptions options;
};

TEST_F(CurlSourceTest, Ftp) {
  const std::string vsftpd = find_program({"/usr/sbin/vsftpd"});
  if (vsftpd.empty()) GTEST_SKIP() << "no vsftpd: apt-get install vsftpd";
  const std::uint16_t port = free_port();
  std::filesystem::create_directory(directory.path() + "/jail");
  const std::string config = directory.write(
      "vsftpd.conf", "listen=YES\nlisten_address=127.0.0.1\nlisten_port=" + std::to_string(port) +
                         "\nbackground=NO\nrun_as_launching_user=YES\nanonymous_enable=YES\n"
                         "no_anon_password=YES\nlocal_enable=NO\nwrite_enable=NO\n"
                         "allow_writeable_chroot=YES\nseccomp_sandbox=NO\nxferlog_enable=NO\n"
                         "anon_root=" +
                         files + "\nsecure_chroot_dir=" + directory.path() + "/jail\n");
  const RealServer server({vsftpd, config}, port);
  ASSERT_TRUE(server.answers());
  check_source("ftp://127.0.0.1:" + std::to_string(port));
}

TEST_F(CurlSourceTest, Sftp) {
  const std::string sshd = find_program({"/usr/sbin/sshd"});
  const std::string keygen = find_program({"/usr/bin/ssh-keygen"});
  if (sshd.empty() || keygen.empty()) GTEST_SKIP() << "no sshd: apt-get install openssh-server";
  if (geteuid() == 0) mkdir("/run/sshd", 0755);  // the daemon insists when it is root's
  const std::uint16_t port = free_port();
  const std::string host_key = directory.path() + "/host_key";
  const std::string user_key = directory.path() + "/user_key";
  for (const std::string& key : {host_key, user_key}) {
    ASSERT_TRUE(run_program({keygen, "-q", "-t", "ed25519", "-N", "", "-f", key}));
  }
  const std::string config = directory.write(
      "sshd_config", "Port " + std::to_string(port) + "\nListenAddress 127.0.0.1\nHostKey " +
                         host_key + "\nAuthorizedKeysFile " + user_key +
                         ".pub\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
                         "PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
                         "LogLevel QUIET\n");
  const RealServer server({sshd, "-D", "-e", "-f", config}, port);
  ASSERT_TRUE(server.answers());
  options.ssh_key = user_key;
  options.ssh_known_hosts = directory.write("known_hosts", "");
  const std::string base =
      "sftp://" + std::string(getpwuid(geteuid())->pw_name) + "@127.0.0.1:" + std::to_string(port);

  const Result<SourceInfo> stranger = loop.run(open(base + files + "/new")->probe());
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().kind, ErrorKind::kProtocol);
  EXPECT_NE(stranger.error().message.find("ssh-keyscan"), std::string::npos);

  std::ifstream public_key(host_key + ".pub");
  std::string line;
  std::getline(public_key, line);
  directory.write("known_hosts", "[127.0.0.1]:" + std::to_string(port) + " " + line + "\n");
  check_source(base + files);
}

}  // namespace
}  // namespace telpher
