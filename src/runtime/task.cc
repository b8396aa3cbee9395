#include "runtime/task.h"

#include <array>
#include <cstddef>

namespace telpher {
namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TELPHER_PLAIN_FRAMES 1  // let the sanitizer see every frame come and go
#endif

#ifndef TELPHER_PLAIN_FRAMES

// Frames up to 8 KiB in steps of 128 bytes; at most 64 idle ones of a size are kept per thread.
constexpr std::size_t kStep = 128;
constexpr std::size_t kClasses = 64;
constexpr int kIdleFramesMax = 64;

struct FreeFrame {
  FreeFrame* next;
};

struct FreeFrames {
  struct Class {
    FreeFrame* head = nullptr;
    int count = 0;
  };
  std::array<Class, kClasses> classes;

  ~FreeFrames() {
    for (Class& size_class : classes) {
      while (size_class.head)
        ::operator delete(std::exchange(size_class.head, size_class.head->next));
    }
  }
};

thread_local FreeFrames free_frames;

#endif

}  // namespace

void* allocate_frame(std::size_t size) {
#ifndef TELPHER_PLAIN_FRAMES
  const std::size_t index = (size - 1) / kStep;
  if (index < kClasses) {
    FreeFrames::Class& size_class = free_frames.classes[index];
    if (size_class.head) {
      --size_class.count;
      return std::exchange(size_class.head, size_class.head->next);
    }
    return ::operator new((index + 1) * kStep);
  }
#endif
  return ::operator new(size);
}

void release_frame(void* frame, std::size_t size) {
#ifndef TELPHER_PLAIN_FRAMES
  const std::size_t index = (size - 1) / kStep;
  if (index < kClasses) {
    FreeFrames::Class& size_class = free_frames.classes[index];
    if (size_class.count < kIdleFramesMax) {
      size_class.head = new (frame) FreeFrame{size_class.head};
      ++size_class.count;
      return;
    }
  }
#endif
  (void)size;
  ::operator delete(frame);
}

}  // namespace telpher
