#pragma once
// An intrusive doubly linked list. A node belongs to at most one list and leaves it when destroyed,
// so that whoever waits in a queue can give up at any time. One thread.

namespace telpher {

class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool linked() const { return next_ != this; }
  void unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = this;
  }

 private:
  template <class T>
  friend class List;

  ListNode* next_ = this;
  ListNode* previous_ = this;
};

/// T derives from ListNode.
template <class T>
class List {
 public:
  bool empty() const { return !head_.linked(); }
  T& front() { return static_cast<T&>(*head_.next_); }
  void push_back(T& item) {
    ListNode& node = item;
    node.next_ = &head_;
    node.previous_ = head_.previous_;
    head_.previous_->next_ = &node;
    head_.previous_ = &node;
  }

 private:
  ListNode head_;
};

}  // namespace telpher
