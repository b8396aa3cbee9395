#pragma once
// The verbs, one file each.

#include "cli/verb.h"

namespace telpher {

std::unique_ptr<Verb> make_cp();
std::unique_ptr<Verb> make_mv();
std::unique_ptr<Verb> make_sync();
std::unique_ptr<Verb> make_ls();
std::unique_ptr<Verb> make_stat();
std::unique_ptr<Verb> make_cat();
std::unique_ptr<Verb> make_rm();
std::unique_ptr<Verb> make_du();
std::unique_ptr<Verb> make_presign();
std::unique_ptr<Verb> make_verify();
std::unique_ptr<Verb> make_mb();
std::unique_ptr<Verb> make_rb();
std::unique_ptr<Verb> make_jobs();
std::unique_ptr<Verb> make_resume();
std::unique_ptr<Verb> make_forget();
std::unique_ptr<Verb> make_doctor();
std::unique_ptr<Verb> make_bench();
std::unique_ptr<Verb> make_sweep();
std::unique_ptr<Verb> make_s3();
std::unique_ptr<Verb> make_serve();
std::unique_ptr<Verb> make_keys();
std::unique_ptr<Verb> make_completion();

}  // namespace telpher
