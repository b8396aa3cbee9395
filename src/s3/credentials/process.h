#pragma once
// credential_process: a program that prints credentials.
// Source: AWS SDKs and Tools Reference Guide, "Process credential provider".

#include "s3/credentials/plan.h"

namespace telpher {

/// The words of a command line: blanks part them; '…' keeps all, "…" all but \" and \\, a backslash
/// outside takes the next character as it is. Nothing is expanded: no $HOME, no ~, no *. As the AWS
/// CLI has it. Errors: kInvalid (a quote that is not closed, nothing at all).
Result<std::vector<std::string>> split_command(std::string_view text);

/// Runs it without a shell, for a minute at most. Errors: kDenied (it failed; the message has what
/// it wrote to standard error, never its arguments or output), kInvalid, kCancelled.
Task<Result<Credentials>> run_credential_process(CredentialProcess process);

}  // namespace telpher
