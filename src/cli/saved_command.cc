#include "cli/saved_command.h"

#include "session/address.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace telpher {
namespace {

namespace json = boost::json;

/// Where a copy goes depends on these.
constexpr std::string_view kVariables[] = {"AWS_ENDPOINT_URL_S3",
                                           "AWS_ENDPOINT_URL",
                                           "AWS_PROFILE",
                                           "AWS_REGION",
                                           "AWS_CONFIG_FILE",
                                           "AWS_SHARED_CREDENTIALS_FILE",
                                           "AWS_DEFAULT_REGION",
                                           "AWS_CA_BUNDLE",
                                           "AWS_DEFAULT_PROFILE",
                                           "AWS_USE_FIPS_ENDPOINT",
                                           "AWS_USE_DUALSTACK_ENDPOINT",
                                           "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"};

/// Without its secrets, if it has any.
std::string redacted_argument(const std::string& argument, std::string_view before) {
  if (before == "--header") return argument.substr(0, argument.find(':')) + ": …";
  // "--option=VALUE" is the same as "--option VALUE".
  const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
  if (equals != std::string::npos) {
    const std::string option = argument.substr(0, equals);
    return option + '=' + redacted_argument(argument.substr(equals + 1), option);
  }
  const Result<Address> address = parse_address(argument);
  return address ? redacted(*address) : argument;
}

/// For a POSIX shell.
std::string quoted(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:=@%+,").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::ranges::all_of(text, plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

json::string text_of(std::string_view text) { return json::string(text.data(), text.size()); }

}  // namespace

SavedCommand save_command(std::vector<std::string> arguments, const Environment& environment,
                          std::string folder) {
  SavedCommand command{.folder = std::move(folder)};
  for (const std::string_view name : kVariables) {
    auto value = environment(name);
    if (value && !value->empty()) command.environment[std::string(name)] = *std::move(value);
  }
  std::string_view before;
  for (const std::string& argument : arguments) {
    if (argument == "--no-resume") continue;  // it was about what had been before
    command.arguments.push_back(redacted_argument(argument, before));
    if (command.arguments.back() != argument || argument == "-") command.whole = false;
    before = argument;
  }
  return command;
}

std::span<const std::string_view> saved_variables() { return kVariables; }

std::string to_json(const SavedCommand& command) {
  json::object environment;
  for (const auto& [name, value] : command.environment) environment[name] = text_of(value);
  json::array arguments;
  for (const std::string& argument : command.arguments) arguments.push_back(text_of(argument));
  return json::serialize(json::object{{"folder", text_of(command.folder)},
                                      {"environment", std::move(environment)},
                                      {"arguments", std::move(arguments)},
                                      {"whole", command.whole}});
}

Result<SavedCommand> parse_saved_command(std::string_view text) {
  json::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) {
    return make_error(ErrorKind::kInvalid, "the journal does not tell how it was begun");
  }
  SavedCommand command;
  try {  // written by ourselves: anything else in it is damage
    const json::object& object = value.get_object();
    command.folder = object.at("folder").as_string().c_str();
    for (const auto& [name, variable] : object.at("environment").as_object()) {
      command.environment[std::string(name)] = variable.as_string().c_str();
    }
    for (const json::value& argument : object.at("arguments").as_array()) {
      command.arguments.emplace_back(argument.as_string().c_str());
    }
    command.whole = object.at("whole").as_bool();
  } catch (const std::exception&) {
    return make_error(ErrorKind::kInvalid, "the journal's note of how it was begun is damaged");
  }
  return command;
}

std::string shell_text(const SavedCommand& command) {
  std::string text = "cd " + quoted(command.folder) + " &&";
  for (const auto& [name, value] : command.environment) text += ' ' + name + '=' + quoted(value);
  text += " telpher";
  for (const std::string& argument : command.arguments) text += ' ' + quoted(argument);
  return text;
}

}  // namespace telpher
