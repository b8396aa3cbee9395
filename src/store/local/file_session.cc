#include "store/local/file_session.h"

#include "base/random.h"
#include "store/read_body.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace telpher {
namespace {

/// How many numbers are noted ahead of their use, and how many may be settled without a note: the
/// most a start-up has to look at for nothing is a few times this.
constexpr std::uint32_t kNoteEvery = 256;

using Note = std::array<std::byte, 8>;

Note encode(FileNumbers numbers) {
  Note note;
  std::memcpy(note.data(), &numbers.first, 4);
  std::memcpy(note.data() + 4, &numbers.end, 4);
  return note;
}

}  // namespace

std::string session_name(std::uint32_t number) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", number);
  return text;
}

std::optional<std::uint32_t> parse_session_name(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc{} || end != text.data() + text.size() || text.size() != 8) {
    return std::nullopt;
  }
  return number;
}

Result<std::unique_ptr<FileSession>> FileSession::start(Disk& disk, const std::string& root,
                                                        bool durable) {
  TRY_VOID(disk.make_folders(root + "/data", durable));
  TRY_VOID(disk.make_folders(root + "/sessions", durable));
  std::unique_ptr<FileSession> session(new FileSession(disk, root));
  Random random(random_seed());
  for (int attempt = 0; attempt < 100; ++attempt) {
    // 31 bits: file ids stay positive in SQLite.
    const auto id = static_cast<std::uint32_t>(random.below(0x7fffffff) + 1);
    TRY(const bool claimed, session->claim(id, durable));
    if (claimed) return session;
  }
  return make_error(ErrorKind::kIo, "no session could be started in '" + root + "'");
}

Result<bool> FileSession::claim(std::uint32_t id, bool durable) {
  TRY(std::unique_ptr<DiskFile> lock, disk_.create_lock(lock_path(root_, id)));
  if (!lock) return false;
  Result<bool> made = disk_.make_folder(folder(root_, id));
  if (!made || !*made) {
    disk_.remove(lock_path(root_, id));
    return made;
  }
  if (durable) {
    // Without its lock a folder would be taken for one that is settled.
    TRY_VOID(disk_.sync_folder(root_ + "/sessions"));
    TRY_VOID(disk_.sync_folder(root_ + "/data"));
  }
  id_ = id;
  lock_ = std::move(lock);
  return true;
}

FileSession::~FileSession() {
  if (!lock_) return;
  disk_.remove_folder(folder(root_, id_));  // succeeds when it is empty
  // What is not settled is left to the next to open.
  if (unsettled_.empty() && !left_) disk_.remove(lock_path(root_, id_));
}

std::uint32_t FileSession::next_file() {
  const std::lock_guard lock(mutex_);
  unsettled_.insert(++made_);
  if (made_ >= noted_.end) note();
  return made_;
}

void FileSession::settle(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  if (unsettled_.erase(number) == 0) return;
  const std::uint32_t first = unsettled_.empty() ? made_ + 1 : *unsettled_.begin();
  if (first >= noted_.first + kNoteEvery) note();
}

void FileSession::leave() {
  const std::lock_guard lock(mutex_);
  left_ = true;
}

/// Not synced: an old note, or none, only means more to look at.
void FileSession::note() {
  noted_.first = unsettled_.empty() ? made_ + 1 : *unsettled_.begin();
  noted_.end = made_ + kNoteEvery;
  const Note text = encode(noted_);
  // When it cannot be written the disk is full: nothing else will be either.
  if (!lock_->write(0, text)) noted_.end = made_;
}

std::optional<FileNumbers> FileSession::unsettled_of(Disk& disk, const std::string& root,
                                                     std::uint32_t session) {
  const Result<UniqueFd> file = disk.open(lock_path(root, session));
  Note note;
  if (!file || !read_exactly(file->get(), 0, note)) return std::nullopt;
  FileNumbers numbers;
  std::memcpy(&numbers.first, note.data(), 4);
  std::memcpy(&numbers.end, note.data() + 4, 4);
  // After a power cut the note may be older than the files, by one at most if it got lost.
  if (numbers.first == 0 || numbers.end < numbers.first) return std::nullopt;
  return numbers;
}

}  // namespace telpher
