#include "cli/verbs.h"

#include "cli/exit_code.h"
#include "cli/progress_view.h"

#include <cstdio>

namespace telpher {

std::span<const VerbEntry> all_verbs() {
  static constexpr VerbEntry kVerbs[] = {
      {"cp", "copy from anywhere to anywhere: URLs, files, directories, objects, pipes", make_cp},
      {"ls", "list buckets, or objects below a prefix", make_ls},
      {"mb", "make a bucket", make_mb},
      {"jobs", "list unfinished transfers", make_jobs},
      {"bench", "put a load on a store and tell what it costs", make_bench},
      {"sweep", "list or end multipart uploads nobody will finish", make_sweep},
      {"s3", "serve an S3 endpoint over the embedded store, or one that fails on purpose", make_s3},
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

}  // namespace telpher
