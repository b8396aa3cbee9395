#include "runtime/task_group.h"

#include <utility>

namespace telpher {

TaskGroup::TaskGroup(TaskContext& parent)
    : cancel_(*parent.cancel), context_{parent.loop, &cancel_} {}

TaskGroup::~TaskGroup() { CHECK(running_ == 0 || context_.loop->abandoned()); }

void TaskGroup::spawn(Task<Result<void>> child) {
  reap();
  const auto self = children_.emplace(children_.end());
  ++running_;
  self->root.emplace(run(std::move(child), self));
  internal::start(*self->root, context_);
}

Task<void> TaskGroup::run(Task<Result<void>> child, std::list<Child>::iterator self) {
  Result<void> result;
  {
    // Destroyed as soon as it has ended: others may wait for what its frame holds.
    Task<Result<void>> ending = std::move(child);
    result = co_await std::move(ending);
  }
  if (!result && !error_) {
    error_ = std::move(result).error();
    cancel_.cancel();
  }
  --running_;
  ended_.splice(ended_.end(), children_, self);
  if (waiting_ && running_ <= waiting_for_) {
    context_.loop->schedule(std::exchange(waiting_, {}));
  }
}

void TaskGroup::reap() {
  // A child that is just ending is in ended_ but its frame may still be on the stack: spawn() and
  // join() are called from other tasks, by when it is at rest, unless the child itself spawned.
  for (auto it = ended_.begin(); it != ended_.end();) {
    it = it->root->handle().done() ? ended_.erase(it) : std::next(it);
  }
}

struct GroupWait {
  TaskGroup& group;
  bool await_ready() { return group.running_ <= group.waiting_for_; }
  void await_suspend(std::coroutine_handle<> task) { group.waiting_ = task; }
  void await_resume() {}
};

Task<void> TaskGroup::wait_until_at_most(std::size_t count) {
  CHECK(!waiting_);
  waiting_for_ = count;
  co_await GroupWait{*this};
  reap();
}

Task<Result<void>> TaskGroup::join() {
  co_await wait_until_at_most(0);
  if (error_) co_return *std::exchange(error_, std::nullopt);
  co_return Result<void>();
}

}  // namespace telpher
