#include "cli/verbs.h"

#include "cli/progress_view.h"
#include "session/exit_code.h"

#include <cstdio>

namespace telpher {

std::span<const VerbEntry> all_verbs() {
  static constexpr VerbEntry kVerbs[] = {
      {"cp", "copy from anywhere to anywhere: URLs, files, directories, objects, pipes", make_cp},
      {"mv", "move or rename: copy, and remove the source once its copy is proven", make_mv},
      {"sync", "copy what differs between directories and prefixes", make_sync},
      {"ls", "list buckets, or objects below a prefix", make_ls},
      {"stat", "tell all that is known of an object, bucket, URL or file", make_stat},
      {"cat", "write objects to standard output", make_cat},
      {"rm", "remove objects", make_rm},
      {"du", "count the bytes and objects below an address", make_du},
      {"presign", "make a link that lets anyone read or write an object for a while", make_presign},
      {"verify", "tell whether two things, or all below two addresses, are the same bytes",
       make_verify},
      {"mb", "make a bucket", make_mb},
      {"rb", "remove buckets", make_rb},
      {"jobs", "list unfinished transfers", make_jobs},
      {"resume", "continue unfinished transfers", make_resume},
      {"forget", "end unfinished transfers for good", make_forget},
      {"doctor", "tell what a store can do, and how to mend what it refuses", make_doctor},
      {"bench", "put a load on a store and tell what it costs", make_bench},
      {"sweep", "list or end multipart uploads nobody will finish", make_sweep},
      {"s3", "serve an S3 endpoint over the embedded store, or one that fails on purpose", make_s3},
      {"serve", "serve uploads, transfers and a page over HTTP", make_serve},
      {"keys", "hand out and take back the keys of the service", make_keys},
      {"completion", "print the script that completes this in bash, zsh or fish", make_completion},
  };
  return kVerbs;
}

int report_error(const Error& error) {
  if (error.kind != ErrorKind::kCancelled) {
    std::fprintf(stderr, "telpher: %s\n", printable(error.message).c_str());
  }
  return exit_code_for(error, {.source_is_store = false, .destination_is_store = true});
}

Result<void> stdout_is_open() {
  if (!std::ferror(stdout)) return {};
  return make_error(ErrorKind::kCancelled, "standard output could not be written");
}

}  // namespace telpher
