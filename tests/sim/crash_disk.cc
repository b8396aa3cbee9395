#include "tests/sim/crash_disk.h"

#include <algorithm>
#include <utility>

namespace telpher::sim {
namespace {

constexpr std::size_t kSector = 512;

}  // namespace

void CrashDisk::File::apply(const Change& change, std::string& content) {
  if (change.bytes.empty()) {
    content.resize(std::min<std::size_t>(content.size(), change.offset));
    return;
  }
  const std::size_t end = change.offset + change.bytes.size();
  if (content.size() < end) content.resize(end, '\0');
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

void CrashDisk::File::write(ByteCount offset, std::string_view bytes) {
  // By sectors, because that is what reaches a disk whole or not at all.
  while (!bytes.empty()) {
    const std::size_t room = kSector - offset % kSector;
    const std::string_view piece = bytes.substr(0, room);
    unsynced_.push_back({offset, std::string(piece)});
    apply(unsynced_.back(), content_);
    bytes.remove_prefix(piece.size());
    offset += piece.size();
  }
}

void CrashDisk::File::truncate(ByteCount size) {
  unsynced_.push_back({size, {}});
  apply(unsynced_.back(), content_);
}

void CrashDisk::File::sync() {
  for (const Change& change : std::exchange(unsynced_, {})) apply(change, synced_);
}

void CrashDisk::File::power_cut(Random* luck) {
  content_ = synced_;
  for (const Change& change : std::exchange(unsynced_, {})) {
    if (luck && luck->chance(0.5)) apply(change, content_);
  }
  synced_ = content_;
}

std::shared_ptr<CrashDisk::File> CrashDisk::find(const std::string& name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

std::shared_ptr<CrashDisk::File> CrashDisk::create(const std::string& name) {
  return names_[name] = std::make_shared<File>();
}

std::string CrashDisk::folder_of(const std::string& name) {
  const std::size_t end = name.ends_with('/') ? name.size() - 1 : name.size();
  const std::size_t slash = name.substr(0, end).rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

std::vector<std::string> CrashDisk::names() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : names_) names.push_back(name);
  return names;
}

void CrashDisk::sync_names(const std::string& folder) {
  std::erase_if(synced_names_, [&](const auto& name) { return folder_of(name.first) == folder; });
  for (const auto& [name, file] : names_) {
    if (folder_of(name) == folder) synced_names_[name] = file;
  }
  for (auto it = lost_names_.begin(); it != lost_names_.end();) {
    const auto& [name, lost] = *it;
    const bool here = folder_of(name) == folder;
    const bool same = find(name) == lost.seen;
    if (here && same && lost.synced) synced_names_[name] = lost.synced;
    if (here && same && !lost.synced) synced_names_.erase(name);
    it = here && !same ? lost_names_.erase(it) : std::next(it);
  }
}

void CrashDisk::lose_names(const std::string& folder) {
  const auto synced = [&](const std::string& name) {
    const auto found = synced_names_.find(name);
    return found == synced_names_.end() ? nullptr : found->second;
  };
  for (const Names* names : {&names_, &synced_names_}) {
    for (const auto& [name, file] : *names) {
      if (folder_of(name) != folder || find(name) == synced(name)) continue;
      lost_names_[name] = {find(name), synced(name)};
    }
  }
}

ByteCount CrashDisk::used() const {
  ByteCount used = 0;
  for (const auto& [name, file] : names_) used += file->content().size();
  return used;
}

bool CrashDisk::has_room(const File& file, ByteCount size) const {
  if (!room_ || size <= file.content().size()) return true;
  return used() + size - file.content().size() <= *room_;
}

void CrashDisk::power_cut(Random* luck) {
  Names survivors = synced_names_;
  if (luck) {
    for (const auto& [name, file] : names_) {
      if (luck->chance(0.5)) survivors[name] = file;
    }
    for (const auto& [name, file] : synced_names_) {
      if (!names_.contains(name) && luck->chance(0.5)) survivors.erase(name);
    }
  }
  // What lies in a folder that is gone is gone. Outer folders sort before inner ones.
  std::erase_if(survivors, [&](const auto& name) {
    for (std::string folder = folder_of(name.first); !folder.empty(); folder = folder_of(folder)) {
      if (!survivors.contains(folder + "/")) return true;
    }
    return false;
  });
  names_ = synced_names_ = std::move(survivors);
  lost_names_.clear();
  for (auto& [name, file] : names_) file->power_cut(luck);
}

}  // namespace telpher::sim
