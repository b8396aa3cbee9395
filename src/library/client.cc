#include "library/blocking_run.h"
#include "library/copy_one.h"
#include "library/translate.h"

#include <atomic>
#include <cerrno>
#include <mutex>
#include <sys/eventfd.h>
#include <system_error>
#include <telpher/telpher.h>
#include <thread>
#include <type_traits>
#include <unistd.h>

#ifndef TELPHER_VERSION
#define TELPHER_VERSION "0.0.0"
#endif

namespace telpher {

// --- cancellation --------------------------------------------------------------------------------

struct CancelToken::State {
  State() : fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  ~State() { ::close(fd); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::atomic<bool> cancelled = false;
  const int fd;  // never read: readable once, readable for all calls
};

CancelToken::CancelToken() : state_(std::make_shared<State>()) {}

void CancelToken::cancel() const noexcept {
  const int error = errno;  // a signal handler leaves it as it was
  const std::uint64_t one = 1;
  if (!state_->cancelled.exchange(true)) (void)!::write(state_->fd, &one, sizeof one);
  errno = error;
}

bool CancelToken::cancelled() const noexcept { return state_->cancelled; }

// --- what goes in and out ------------------------------------------------------------------------

namespace {

Error cancelled_error() { return make_error(ErrorKind::kCancelled, "cancelled"); }

Error usage(std::string message) { return make_error(ErrorKind::kInvalid, std::move(message)); }

/// Of what failed before anything was done.
Failure refusal_of(const Error& error) {
  Failure failure = failure_of(error);
  failure.side = FailureSide::kUsage;
  return failure;
}

Result<Address> store_address(const std::string& text) {
  TRY(Address address, parse_address(text));
  if (!address.in_store()) {
    return usage("'" + redacted(address) + "' is no address of a store: s3://… or local://…");
  }
  return address;
}

Result<Address> object_address(const std::string& text) {
  TRY(Address address, store_address(text));
  if (address.object.key.empty()) return usage("'" + text + "' names no object");
  return address;
}

using Visitor = std::function<bool(const Client::Entry&)>;

/// False once the visitor has had enough.
bool visit_page(const std::string& bucket, const ListPage& page, const Visitor& each) {
  for (const std::string& prefix : page.prefixes) {
    if (!each(entry_of(bucket, {.key = prefix}))) return false;
  }
  for (const ListEntry& entry : page.objects) {
    if (!each(entry_of(bucket, entry))) return false;
  }
  return true;
}

Task<Result<void>> list_pages(ObjectStore* store, const ObjectAddress* below, bool recursive,
                              const Visitor* each) {
  if (below->bucket.empty()) {
    CO_TRY(const std::vector<BucketInfo> buckets, co_await store->list_buckets());
    for (const BucketInfo& bucket : buckets) {
      if (!(*each)(entry_of(bucket.name, {.last_modified = bucket.created}))) break;
    }
    co_return Result<void>();
  }
  ListOptions options;
  options.prefix = below->key;
  if (!recursive) options.delimiter = "/";
  do {
    CO_TRY(ListPage page, co_await store->list(below->bucket, options));
    if (!visit_page(below->bucket, page, *each)) break;
    options.continuation = std::move(page.continuation);
  } while (!options.continuation.empty());
  co_return Result<void>();
}

/// A caller's exception must not unwind our coroutines: it is kept, the work ends, and it goes on
/// to the caller from there.
class CallerException {
 public:
  template <class Call>
  bool caught(Call call) {
    try {
      call();
      return false;
    } catch (...) {
      exception_ = std::current_exception();
      return true;
    }
  }
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::exception_ptr exception_;
};

}  // namespace

// --- the client ----------------------------------------------------------------------------------

/// Which thread is within a call: it would wait for itself for ever.
using ThreadId = decltype(std::this_thread::get_id());

struct Client::Impl {
  explicit Impl(Options wanted) : options(std::move(wanted)) {}
  ~Impl();

  class Turn;
  /// Built when first needed, so that a constructor cannot fail. Errors: kInvalid, kNotFound, kIo.
  Result<Session*> open();
  /// Runs a task that `cancel` and what goes on beside it may end.
  template <class T>
  Result<T> run(Task<Result<T>> task, const Beside& beside, CancelSource& cancel);
  /// What calls to a store have around them: their turn, our signals kept to ourselves, who may
  /// cancel them. `start` makes the task of a store and an object's address.
  template <class T, class Start>
  Outcome<T> ask(const Result<Address>& address, const Cancel& cancel, Start start);
  /// Closes the journal, with what it still has to write.
  void close();
  void report(const CopyOptions& wanted, const TransferProgress& progress) const;
  Result<CopyOne> plan(const std::string& source, const std::string& destination,
                       const CopyOptions& wanted) const;
  Result<TransferResult> run_copy(const CopyOne& copy, const CopyOptions& wanted,
                                  std::string& destination);

  const Options options;
  std::timed_mutex one_call;
  std::atomic<ThreadId> caller;  // whose turn it is
  std::unique_ptr<Loop> loop;
  std::unique_ptr<Session> session;
};

Client::Impl::~Impl() {
  const QuietSignals quiet;
  close();
  session.reset();
}

/// One call after the other; our signals are kept to ourselves meanwhile.
class Client::Impl::Turn {
 public:
  Turn(Impl& client, const Cancel& cancel) : client_(client) {
    if (client.caller == std::this_thread::get_id()) {
      refusal_ =
          refusal_of(usage("a callback called the Client it was called by: use another one"));
      return;
    }
    const auto cancelled = [&] { return cancel && cancel->cancelled(); };
    lock_ = std::unique_lock(client.one_call, std::defer_lock);
    while (!cancelled()) {
      if (!lock_.try_lock_for(kLook)) continue;
      client.caller = std::this_thread::get_id();
      return;
    }
    refusal_ = failure_of(cancelled_error());
  }
  ~Turn() {
    if (lock_.owns_lock()) client_.caller = ThreadId();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Why it is not ours to have; else empty.
  const std::optional<Failure>& refusal() const { return refusal_; }

 private:
  static constexpr std::chrono::milliseconds kLook{20};  // how often it looks for a cancellation

  Impl& client_;
  std::unique_lock<std::timed_mutex> lock_;
  const QuietSignals quiet_;
  std::optional<Failure> refusal_;
};

Result<Session*> Client::Impl::open() {
  if (!session) {
    TRY(Settings settings, settings_of(options));
    TRY(StoreAccess access, access_of(options));
    auto fresh = std::make_unique<Loop>();
    if (fresh->problem()) return *fresh->problem();
    loop = std::move(fresh);
    session = std::make_unique<Session>(*loop, std::move(settings), std::move(access));
    if (options.notice) {
      session->notice = [this](std::string_view text) {
        CallerException ignored;  // a notice is no reason to fail
        (void)ignored.caught([&] { options.notice(std::string(text)); });
      };
    }
  }
  return session.get();
}

template <class T>
Result<T> Client::Impl::run(Task<Result<T>> task, const Beside& beside, CancelSource& cancel) {
  Result<T> result = loop->run(run_beside(std::move(task), &beside, &cancel));
  // Whatever gave way first when it was cancelled: that is why it ended.
  if (!result && cancel.cancelled()) result = cancelled_error();
  return result;
}

template <class T, class Start>
Outcome<T> Client::Impl::ask(const Result<Address>& address, const Cancel& cancel, Start start) {
  const Turn turn(*this, cancel);
  if (turn.refusal()) return *turn.refusal();
  if (!address) return refusal_of(address.error());
  const Result<Session*> opened = open();
  if (!opened) return refusal_of(opened.error());
  const Result<ObjectStore*> store = (*opened)->store(address->kind);
  if (!store) return failure_of(store.error());
  CancelSource source;
  const Beside beside{.cancel_fd = cancel ? cancel->state_->fd : -1, .interval = {}, .tick = {}};
  Result<T> result = run(start(*store, address->object), beside, source);
  if (!result) return failure_of(result.error());
  if constexpr (std::is_void_v<T>) {
    return std::monostate();
  } else {
    return *std::move(result);
  }
}

void Client::Impl::close() {
  if (session)
    (void)loop->run(with_deadline(session->close(), loop->now() + std::chrono::seconds(10)));
}

void Client::Impl::report(const CopyOptions& wanted, const TransferProgress& progress) const {
  wanted.progress({.size_bytes = progress.size,
                   .done_bytes = progress.bytes_done,
                   .resumed_bytes = progress.bytes_resumed,
                   .phase = std::string(progress.phase)});
}

Result<CopyOne> Client::Impl::plan(const std::string& source, const std::string& destination,
                                   const CopyOptions& wanted) const {
  CopyOne copy;
  TRY(copy.source, parse_address(source));
  TRY(copy.destination, parse_address(destination));
  const Settings& settings = session->settings();
  TRY(copy.settings.transfer, transfer_options(wanted, settings.concurrency));
  copy.settings.memory = settings.memory;
  copy.settings.rate = options.rate_bytes_per_s;
  copy.settings.source_headers = wanted.source_headers;
  return copy;
}

Result<TransferResult> Client::Impl::run_copy(const CopyOne& copy, const CopyOptions& wanted,
                                              std::string& destination) {
  TransferProgress progress;
  CancelSource cancel;
  CallerException exception;
  Beside beside{.cancel_fd = wanted.cancel ? wanted.cancel->state_->fd : -1,
                .interval = wanted.progress_interval,
                .tick = {}};
  if (wanted.progress) {
    beside.interval = std::max(beside.interval, Duration(std::chrono::milliseconds(10)));
    beside.tick = [&] {
      if (!cancel.cancelled() && exception.caught([&] { report(wanted, progress); })) {
        cancel.cancel();
      }
    };
  }
  Result<TransferResult> result =
      run(copy_one(session.get(), &copy, &destination, &progress), beside, cancel);
  if (result && wanted.progress) (void)exception.caught([&] { report(wanted, progress); });
  // What has been done must be found by the next run, perhaps of another process.
  if (!result) close();
  exception.rethrow();
  return result;
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Outcome<Client::Copied> Client::copy(const std::string& source, const std::string& destination,
                                     const CopyOptions& options) {
  const Impl::Turn turn(*impl_, options.cancel);
  if (turn.refusal()) return *turn.refusal();
  const Result<Session*> session = impl_->open();
  if (!session) return refusal_of(session.error());
  const Result<CopyOne> copy = impl_->plan(source, destination, options);
  if (!copy) return refusal_of(copy.error());
  std::string name = redacted(copy->destination);
  const Result<TransferResult> result = impl_->run_copy(*copy, options, name);
  if (result) return copied_from(*result, std::move(name));
  return failure_of(result.error(), {.source_is_store = copy->source.in_store(),
                                     .destination_is_store = copy->destination.in_store()});
}

Outcome<Client::Entry> Client::head(const std::string& text, const Cancel& cancel) {
  const Result<Address> address = object_address(text);
  const auto info = impl_->ask<ObjectInfo>(
      address, cancel,
      [](ObjectStore* store, const ObjectAddress& object) { return store->head(object); });
  if (!info) return info.failure();
  Entry entry = entry_of(address->object.bucket, {.key = address->object.key,
                                                  .size = info->size,
                                                  .etag = info->etag,
                                                  .last_modified = info->last_modified,
                                                  .storage_class = info->storage_class});
  entry.content_type = info->metadata.content_type;
  entry.metadata = info->metadata.user;
  return entry;
}

Outcome<void> Client::list(const std::string& text, const Visitor& each, bool recursive,
                           const Cancel& cancel) {
  CallerException exception;
  bool cut = false;  // a store that never waits leaves nobody the time to look at the token
  const Visitor guarded = [&](const Entry& entry) {
    bool wants_more = false;
    const bool threw = exception.caught([&] { wants_more = each(entry); });
    cut = wants_more && cancel && cancel->cancelled();
    return !threw && wants_more && !cut;
  };
  const auto listed = impl_->ask<void>(store_address(text), cancel,
                                       [&](ObjectStore* store, const ObjectAddress& below) {
                                         return list_pages(store, &below, recursive, &guarded);
                                       });
  exception.rethrow();
  if (cut) return failure_of(cancelled_error());
  return listed;
}

Outcome<void> Client::remove(const std::string& text, const Cancel& cancel) {
  return impl_->ask<void>(
      object_address(text), cancel,
      [](ObjectStore* store, const ObjectAddress& object) { return store->remove(object); });
}

const char* version() { return TELPHER_VERSION; }

}  // namespace telpher
