#include "store/local/data_files.h"

#include "base/units.h"
#include "store/read_body.h"

#include <algorithm>

namespace telpher {
namespace {

constexpr ByteCount kSegmentSizeMax = 64 * kMiB;

std::uint32_t session_of(FileId id) { return static_cast<std::uint32_t>(id >> 32); }
std::uint32_t number_of(FileId id) { return static_cast<std::uint32_t>(id & (kSegmentBit - 1)); }
FileId file_id(std::uint32_t session, FileId number) { return (FileId{session} << 32) | number; }

}  // namespace

DataFiles::DataFiles(Disk& disk, std::string root, bool durable,
                     std::unique_ptr<FileSession> session)
    : disk_(disk), root_(std::move(root)), durable_(durable), session_(std::move(session)) {}

std::string DataFiles::path(FileId id) const {
  return folder(session_of(id)) + "/" + session_name(static_cast<std::uint32_t>(id));
}

Result<std::unique_ptr<DataFiles>> DataFiles::open(Disk& disk, const std::string& root,
                                                   bool durable) {
  TRY(std::unique_ptr<FileSession> session, FileSession::start(disk, root, durable));
  return std::unique_ptr<DataFiles>(new DataFiles(disk, root, durable, std::move(session)));
}

std::unique_ptr<DataFiles> DataFiles::open_to_read(Disk& disk, const std::string& root,
                                                   Error refusal) {
  std::unique_ptr<DataFiles> files(new DataFiles(disk, root, false, nullptr));
  files->refusal_ = std::move(refusal);
  return files;
}

Error DataFiles::refuse_writes(const Error& reason) {
  leave();
  const std::lock_guard lock(names_mutex_);
  if (!refusal_) {
    refusal_ = store_error(ErrorKind::kIo, "InternalError", 500,
                           "the local store takes no writes until it is opened again, because its "
                           "disk failed: " +
                               reason.message);
  }
  return *refusal_;
}

Result<void> DataFiles::check_writable() const {
  const std::lock_guard lock(names_mutex_);
  if (refusal_) return *refusal_;
  return {};
}

Result<std::unique_ptr<FileWriter>> DataFiles::begin_file(const ContentDigester::Options& options) {
  TRY_VOID(check_writable());
  const FileId id = file_id(session_->id(), session_->next_file());
  Result<std::unique_ptr<DiskFile>> file = disk_.create(path(id));
  if (!file) {
    session_->settle(number_of(id));
    return std::move(file).error();
  }
  names_changed(session_->id());
  return std::unique_ptr<FileWriter>(new FileWriter(*this, id, *std::move(file), options));
}

Result<DataFiles::Written> DataFiles::write_file(const Body& body,
                                                 const ContentDigester::Options& options) {
  TRY(const std::unique_ptr<FileWriter> file, begin_file(options));
  TRY_VOID(read_body(body, [&](Bytes bytes) { return file->append(bytes); }));
  return file->finish();
}

FileWriter::~FileWriter() {
  if (!finished_) files_.remove_file(id_);
}

Result<void> FileWriter::append(Bytes bytes) {
  digester_.update(bytes);
  TRY_VOID(file_->write(size_, bytes));
  size_ += bytes.size();
  return {};
}

Result<DataFiles::Written> FileWriter::finish() {
  DataFiles::Written written{{id_, 0, size_}, {}};
  TRY(written.digests, digester_.finish());
  if (files_.durable_) TRY_VOID(file_->sync());
  finished_ = true;
  return written;
}

Result<void> DataFiles::start_segment() {
  const FileId id = file_id(session_->id(), kSegmentBit | session_->next_file());
  Result<std::unique_ptr<DiskFile>> file = disk_.create(path(id));
  if (!file) {
    session_->settle(number_of(id));
    return std::move(file).error();
  }
  names_changed(session_->id());
  const std::lock_guard lock(segment_mutex_);
  segment_id_ = id;
  segment_ = *std::move(file);
  segment_size_ = 0;
  return {};
}

Result<Extent> DataFiles::append(Bytes bytes) {
  TRY_VOID(check_writable());
  if (!segment_ || segment_size_ + bytes.size() > kSegmentSizeMax) {
    TRY_VOID(sync_segment());
    TRY_VOID(start_segment());
  }
  TRY_VOID(segment_->write(segment_size_, bytes));
  const Extent extent{segment_id_, segment_size_, bytes.size()};
  segment_size_ += bytes.size();
  segment_dirty_ = true;
  return extent;
}

Result<void> DataFiles::sync_segment() {
  if (!segment_dirty_ || !durable_) return {};
  const Result<void> synced = segment_->sync();
  if (!synced) return refuse_writes(synced.error());
  segment_dirty_ = false;
  return {};
}

void DataFiles::names_changed(std::uint32_t session) {
  if (!durable_) return;
  const std::lock_guard lock(names_mutex_);
  names_dirty_.insert(session);
}

Result<void> DataFiles::sync_names() {
  TRY_VOID(check_writable());
  std::set<std::uint32_t> sessions;
  {
    const std::lock_guard lock(names_mutex_);
    std::swap(sessions, names_dirty_);
  }
  for (const std::uint32_t session : sessions) {
    const Result<void> synced = disk_.sync_folder(folder(session));
    // A folder that is gone has no names.
    if (synced || synced.error().kind == ErrorKind::kNotFound) continue;
    return refuse_writes(synced.error());
  }
  return {};
}

Result<UniqueFd> DataFiles::open_file(FileId id) const { return disk_.open(path(id)); }

bool DataFiles::is_dead(std::uint32_t session) const {
  return !disk_.exists(FileSession::lock_path(root_, session));
}

void DataFiles::settle(FileId id) {
  if (session_ && session_of(id) == session_->id()) session_->settle(number_of(id));
}

bool DataFiles::remove_file(FileId id) {
  if (!check_writable()) return false;
  const std::uint32_t session = session_of(id);
  const bool dead = session != session_->id() && is_dead(session);
  if (is_segment(id)) {
    if (session == session_->id()) {
      const std::lock_guard lock(segment_mutex_);
      if (id == segment_id_) return false;
    } else if (!dead) {
      return false;  // its owner may be about to append
    }
  }
  if (!disk_.remove(path(id))) return false;
  names_changed(session);
  settle(id);
  if (dead) disk_.remove_folder(folder(session));  // succeeds when it was the last
  return true;
}

Result<void> DataFiles::sweep(const std::function<Result<void>()>& recover,
                              const IsReferred& is_referred) {
  bool recovered = false;
  for (const std::string& name : disk_.names_in(root_ + "/sessions")) {
    const std::optional<std::uint32_t> session = parse_session_name(name);
    if (!session || *session == session_->id()) continue;
    const std::string lock_path = FileSession::lock_path(root_, *session);
    const std::unique_ptr<DiskFile> lock = disk_.take_lock(lock_path);
    if (!lock) continue;  // alive, or just swept
    if (!recovered) TRY_VOID(recover());
    recovered = true;
    TRY_VOID(sweep_session(*session, is_referred));
    disk_.remove(lock_path);
  }
  return {};
}

Result<void> DataFiles::sweep_session(std::uint32_t session, const IsReferred& is_referred) {
  if (const auto numbers = FileSession::unsettled_of(disk_, root_, session)) {
    // After a power cut the note may be older than the last files.
    constexpr std::uint32_t kGapMax = 256;
    std::uint32_t end = numbers->end + kGapMax;
    for (std::uint32_t number = numbers->first; number < end; ++number) {
      TRY(const bool file, sweep_file(file_id(session, number), is_referred));
      TRY(const bool segment, sweep_file(file_id(session, kSegmentBit | number), is_referred));
      if (file || segment) end = std::max(end, number + kGapMax);
    }
  } else {
    for (const std::string& name : disk_.names_in(folder(session))) {
      const std::optional<std::uint32_t> number = parse_session_name(name);
      if (number) TRY_VOID(sweep_file(file_id(session, *number), is_referred));
    }
  }
  disk_.remove_folder(folder(session));  // succeeds when nothing is left
  return {};
}

/// True when there was such a file.
Result<bool> DataFiles::sweep_file(FileId id, const IsReferred& is_referred) {
  if (!disk_.exists(path(id))) return false;
  TRY(const bool referred, is_referred(id));
  if (!referred) disk_.remove(path(id));
  return true;
}

void DataFiles::close(const IsReferred& is_referred) {
  if (!check_writable()) return;
  FileId last = 0;
  {
    const std::lock_guard lock(segment_mutex_);
    std::swap(last, segment_id_);
  }
  if (last == 0) return;
  const Result<bool> referred = is_referred(last);
  if (!referred) return;
  if (*referred) {
    settle(last);
  } else {
    remove_file(last);
  }
}

}  // namespace telpher
