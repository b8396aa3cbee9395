#include "cli/man_page.h"

#include "cli/command_line.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace telpher {
namespace {

/// Text for roff: no character of it is taken for markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '"') {
      out += "\\(dq";
    } else {
      out += c;
    }
  }
  return out;
}

/// A line of text: one that begins with "." would be a command.
std::string line_of(std::string_view text) {
  std::string out = escaped(text);
  if (out.starts_with('.')) out.insert(0, "\\&");
  return out + '\n';
}

template <class Each>
void for_each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string paragraphs(std::string_view text) {
  std::string out;
  for_each_line(text, [&](std::string_view line) {
    if (!line.empty()) out += ".PP\n" + line_of(line);
  });
  return out;
}

/// A line with what follows it given as roff already.
std::string example_block(std::string_view text) {
  std::string out = ".PP\n.nf\n.RS 4\n";
  for_each_line(text,
                [&](std::string_view line) { out += line.empty() ? ".sp\n" : line_of(line); });
  return out + ".RE\n.fi\n";
}

std::string option_entry(const Option& option) {
  std::string names;
  for (const char c : option.names) {
    names += c;
    if (c == ',') names += ' ';
  }
  std::string out = ".TP\n\\fB" + escaped(names) + "\\fR";
  if (!option.value.empty()) out += " \\fI" + escaped(option.value) + "\\fR";
  return out + '\n' + line_of(option.help.empty() ? "." : option.help);
}

struct Group {
  std::string heading;
  std::string entries;  // as roff
  bool operator==(const Group&) const = default;
};

std::vector<Group> groups_of(const CommandLine& line) {
  std::vector<Group> groups;
  for (const Option& option : line.options()) {
    const auto known = std::ranges::find(groups, option.group, &Group::heading);
    Group& group = known == groups.end() ? groups.emplace_back(Group{option.group, {}}) : *known;
    group.entries += option_entry(option);
  }
  return groups;
}

struct Described {
  std::unique_ptr<Verb> verb;  // the line may point into it
  CommandLine line;
  std::vector<Group> groups;
};

std::vector<Described> describe_all(std::span<const VerbEntry> verbs, const Settings& settings) {
  std::vector<Described> all;
  for (const VerbEntry& entry : verbs) {
    Described& described = all.emplace_back();
    described.verb = entry.make();
    described.line.name = entry.name;
    described.line.summary = entry.summary;
    described.verb->describe(described.line, settings);
    described.groups = groups_of(described.line);
  }
  return all;
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return text;
}

std::string verb_section(const Described& verb, const std::vector<Group>& shared) {
  const CommandLine& line = verb.line;
  std::string out = ".SS \"telpher " + escaped(line.name);
  if (!line.positionals.name.empty()) out += ' ' + escaped(line.positionals.name);
  out += "\"\n" + line_of(upper(line.summary.substr(0, 1)) + line.summary.substr(1) + '.');
  out += paragraphs(line.details);
  std::string elsewhere;
  for (const Group& group : verb.groups) {
    if (std::ranges::find(shared, group) == shared.end()) {
      out += group.entries;
    } else {
      elsewhere += (elsewhere.empty() ? "" : ", ") + upper(group.heading);
    }
  }
  if (!elsewhere.empty()) out += ".PP\n" + line_of("Also: " + elsewhere + ", below.");
  if (!line.examples.empty()) out += ".PP\nExamples:\n" + example_block(line.examples);
  return out;
}

constexpr std::string_view kDescription =
    R"(.SH DESCRIPTION
Telpher carries data into object storage, out of it and between stores.
An object that appears at the destination is byte for byte the source, or it does not appear.
An interrupted transfer continues when the same command is given again.
.PP
Addresses are
.BR https:// ", " http:// ", " ftp:// ", " ftps:// " and " sftp://
URLs,
.B s3://\fIbucket\fB/\fIkey
of any S3\-compatible store,
.B local://\fIbucket\fB/\fIkey
of the embedded store, paths, and
.B \-
for standard input or output.
)";

constexpr std::string_view kEnd = R"(.SH EXIT STATUS
.TP
.B 0
all done
.TP
.B 1
some of several failed, and each was named
.TP
.B 2
wrong usage
.TP
.B 3
the source is not there, or refuses
.TP
.B 4
the destination refuses: credentials, a missing bucket, a precondition, a full disk
.TP
.B 5
gave up after retries; running the command again continues
.TP
.B 6
the bytes were not right; nothing appeared
.TP
.B 130
interrupted
.SH ENVIRONMENT
.TP
.BR AWS_ACCESS_KEY_ID ", " AWS_SECRET_ACCESS_KEY ", " AWS_SESSION_TOKEN ", " AWS_PROFILE ", " \
AWS_REGION ", " AWS_DEFAULT_REGION ", " AWS_ENDPOINT_URL_S3 ", " AWS_ENDPOINT_URL ", " AWS_CA_BUNDLE
as for every AWS tool; options go before them
.TP
.B TELPHER_HOME
where unfinished transfers and the embedded store are kept
.TP
.BR MAX_CONCURRENT_UPLOADS ", " TELPHER_MAX_CONCURRENT_UPLOADS
parts in flight, as
.B \-\-concurrency
.TP
.B TELPHER_MEMORY
budget of part buffers, as
.B \-\-memory
.TP
.B NO_COLOR
no colours
.SH FILES
.TP
.I \(ti/.local/share/telpher
the default of
.B TELPHER_HOME
.TP
.IR \(ti/.aws/config ", " \(ti/.aws/credentials
profiles
.SH SEE ALSO
.BR aws (1),
.BR rclone (1),
.BR curl (1)
)";

}  // namespace

std::string man_page(std::span<const VerbEntry> verbs, const Settings& settings,
                     std::string_view version) {
  const std::vector<Described> all = describe_all(verbs, settings);
  std::vector<Group> seen;
  std::vector<Group> shared;
  for (const Described& verb : all) {
    for (const Group& group : verb.groups) {
      const bool is_known = std::ranges::find(shared, group) != shared.end();
      if (std::ranges::find(seen, group) == seen.end()) {
        seen.push_back(group);
      } else if (!is_known) {
        shared.push_back(group);
      }
    }
  }
  std::string out = ".TH TELPHER 1 " TELPHER_DATE " \"telpher " + escaped(version) + "\"\n";
  out +=
      ".SH NAME\ntelpher \\- from anywhere into object storage, whole and right or not at all\n"
      ".SH SYNOPSIS\n.B telpher\n.I VERB\n.RI [ OPTION ...]\\&\n.IR ARGUMENT ...\n";
  out += kDescription;
  out += ".SH VERBS\n";
  for (const Described& verb : all) out += verb_section(verb, shared);
  for (const Group& group : shared) {
    out += ".SH " + escaped(upper(group.heading)) + '\n';
    out += line_of("Options of several verbs.") + group.entries;
  }
  out += kEnd;
  return out;
}

}  // namespace telpher
