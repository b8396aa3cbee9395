#pragma once
// Cancellation as a tree: cancelling a source cancels everything that was started below it. A wait
// that is cancelled ends with kCancelled; work that does not wait runs on to its next wait.
// One loop, one thread: to cancel from elsewhere, post to the loop.

#include "runtime/list.h"

namespace telpher {

/// Called once when its source is cancelled; unlinks itself first.
class CancelHook : public ListNode {
 public:
  using Callback = void (*)(CancelHook&);
  explicit CancelHook(Callback callback) : callback_(callback) {}

 private:
  friend class CancelSource;
  Callback callback_;
};

class CancelSource {
 public:
  CancelSource() : parent_hook_(on_parent) { parent_hook_.self = this; }
  /// Is cancelled with `parent`, which must outlive this.
  explicit CancelSource(CancelSource& parent) : CancelSource() {
    if (parent.cancelled_) {
      cancelled_ = true;
    } else {
      parent.hooks_.push_back(parent_hook_);
    }
  }

  bool cancelled() const { return cancelled_; }

  void cancel() {
    if (cancelled_) return;
    cancelled_ = true;
    while (!hooks_.empty()) {
      CancelHook& hook = hooks_.front();
      hook.unlink();
      hook.callback_(hook);
    }
  }

  /// The hook is called at cancellation; must not be cancelled already.
  void add(CancelHook& hook) { hooks_.push_back(hook); }

 private:
  struct ParentHook : CancelHook {
    using CancelHook::CancelHook;
    CancelSource* self = nullptr;
  };
  static void on_parent(CancelHook& hook) { static_cast<ParentHook&>(hook).self->cancel(); }

  bool cancelled_ = false;
  ParentHook parent_hook_;
  List<CancelHook> hooks_;

 public:
  CancelSource(const CancelSource&) = delete;
  CancelSource& operator=(const CancelSource&) = delete;
};

}  // namespace telpher
