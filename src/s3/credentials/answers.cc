#include "s3/credentials/answers.h"

#include "codec/text.h"
#include "s3/sigv4.h"

#include <boost/json.hpp>
#include <pugixml.hpp>

#include <initializer_list>

namespace telpher {
namespace {

namespace json = boost::json;

/// A JSON object; texts are looked up by the first of several names that is there.
class Fields {
 public:
  static Result<Fields> parse(std::string_view text) {
    boost::system::error_code problem;
    json::value value = json::parse(json::string_view(text.data(), text.size()), problem);
    if (problem || !value.is_object()) {
      return make_error(ErrorKind::kProtocol, "the answer is no JSON object");
    }
    Fields fields;
    fields.object_ = std::move(value.get_object());
    return fields;
  }

  std::string text(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      const json::value* value = object_.if_contains(name);
      if (value && value->is_string()) return std::string(value->get_string());
    }
    return "";
  }
  const json::value* value(std::string_view name) const { return object_.if_contains(name); }
  std::optional<std::int64_t> number(std::string_view name) const {
    const json::value* found = object_.if_contains(name);
    if (!found || !found->is_number()) return std::nullopt;
    boost::system::error_code problem;
    const auto number = found->to_number<std::int64_t>(problem);
    if (problem) return std::nullopt;
    return number;
  }
  bool has(std::string_view name) const { return object_.contains(name); }
  json::object& object() { return object_; }

 private:
  json::object object_;
};

Error missing(std::string_view what) {
  return make_error(ErrorKind::kProtocol, "the answer has no " + std::string(what));
}

Result<Credentials> make_credentials(std::string access_key, std::string secret_key,
                                     std::string session_token) {
  if (access_key.empty()) return missing("access key id");
  if (secret_key.empty()) return missing("secret access key");
  Credentials credentials;
  credentials.access_key = std::move(access_key);
  credentials.secret_key = std::move(secret_key);
  credentials.session_token = std::move(session_token);
  return credentials;
}

Result<void> set_expiry(Credentials& credentials, const std::string& text) {
  if (text.empty()) return {};
  credentials.expires = parse_iso_time(text);
  if (credentials.expires) return {};
  return make_error(ErrorKind::kProtocol, "the answer's time of expiry is no ISO 8601 time");
}

/// "Z", "UTC", "+01:00", "-0530" in minutes east.
std::optional<int> parse_zone(std::string_view text) {
  if (text == "Z" || text == "z" || text == "UTC") return 0;
  if (text.size() < 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const std::string_view minutes_text = text.substr(text[3] == ':' ? 4 : 3);
  const auto hours = parse_decimal<unsigned>(text.substr(1, 2));
  const auto minutes = parse_decimal<unsigned>(minutes_text);
  if (!hours || !minutes || minutes_text.size() != 2 || *hours > 23 || *minutes > 59) {
    return std::nullopt;
  }
  const int east = static_cast<int>(*hours * 60 + *minutes);
  return text[0] == '-' ? -east : east;
}

}  // namespace

std::optional<WallTime> parse_iso_time(std::string_view text) {
  text = trim(text);
  constexpr std::string_view kForm = "####-##-##T##:##:##";
  if (text.size() <= kForm.size()) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool fits = kForm[i] == '#' ? is_ascii_digit(text[i])
                                      : text[i] == kForm[i] || (i == 10 && text[i] == ' ');
    if (!fits) return std::nullopt;
    if (kForm[i] == '#') digits += text[i];
  }
  // Outside of these years nanoseconds since 1970 do not fit.
  if (digits < "1970" || digits > "2261") return std::nullopt;
  digits.insert(8, "T");
  const auto time = parse_amz_date(digits + "Z");
  if (!time) return std::nullopt;
  std::string_view rest = text.substr(kForm.size());
  if (rest.front() == '.') {
    rest.remove_prefix(1);
    while (!rest.empty() && is_ascii_digit(rest.front())) rest.remove_prefix(1);
  }
  const auto east = parse_zone(rest);
  if (!east) return std::nullopt;
  return WallTime(*time) - std::chrono::minutes(*east);
}

std::string format_iso_time(WallTime time) {
  std::string text = format_amz_date(std::chrono::floor<std::chrono::seconds>(time));
  for (const std::size_t at : {13u, 11u}) text.insert(at, ":");
  for (const std::size_t at : {6u, 4u}) text.insert(at, "-");
  return text;
}

Result<Credentials> parse_process_credentials(std::string_view text) {
  TRY(const Fields fields, Fields::parse(text));
  if (fields.number("Version") != 1) {
    return make_error(ErrorKind::kProtocol, "the answer does not say \"Version\": 1");
  }
  TRY(Credentials credentials,
      make_credentials(fields.text({"AccessKeyId"}), fields.text({"SecretAccessKey"}),
                       fields.text({"SessionToken"})));
  TRY_VOID(set_expiry(credentials, fields.text({"Expiration"})));
  return credentials;
}

Result<Credentials> parse_role_credentials(std::string_view text) {
  TRY(const Fields fields, Fields::parse(text));
  const std::string code = fields.text({"Code", "code"});
  if (!code.empty() && code != "Success") {
    return make_error(ErrorKind::kDenied,
                      "the answer is " + code + ": " + fields.text({"Message", "message"}));
  }
  TRY(Credentials credentials,
      make_credentials(fields.text({"AccessKeyId"}), fields.text({"SecretAccessKey"}),
                       fields.text({"Token", "SessionToken"})));
  TRY_VOID(set_expiry(credentials, fields.text({"Expiration"})));
  return credentials;
}

Result<Credentials> parse_portal_credentials(std::string_view text) {
  TRY(Fields outer, Fields::parse(text));
  const json::value* role = outer.value("roleCredentials");
  if (!role || !role->is_object()) return missing("roleCredentials");
  Fields fields;
  fields.object() = role->get_object();
  TRY(Credentials credentials,
      make_credentials(fields.text({"accessKeyId"}), fields.text({"secretAccessKey"}),
                       fields.text({"sessionToken"})));
  constexpr std::int64_t kLatest = 9'000'000'000'000;  // milliseconds; the year 2255
  if (const auto expires = fields.number("expiration"); expires && *expires > 0) {
    credentials.expires = WallTime(std::chrono::milliseconds(std::min(*expires, kLatest)));
  }
  return credentials;
}

Result<Credentials> parse_sts_credentials(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8)) {
    return make_error(ErrorKind::kProtocol, "the answer is no XML");
  }
  const pugi::xml_node node = document.find_node([](const pugi::xml_node& candidate) {
    return std::string_view(candidate.name()) == "Credentials";
  });
  TRY(Credentials credentials, make_credentials(node.child("AccessKeyId").text().get(),
                                                node.child("SecretAccessKey").text().get(),
                                                node.child("SessionToken").text().get()));
  TRY_VOID(set_expiry(credentials, node.child("Expiration").text().get()));
  return credentials;
}

ServiceRefusal parse_service_refusal(std::string_view body) {
  ServiceRefusal refusal;
  pugi::xml_document document;
  if (trim(body).starts_with('<')) {
    if (!document.load_buffer(body.data(), body.size())) return refusal;
    const pugi::xml_node node = document.find_node([](const pugi::xml_node& candidate) {
      return std::string_view(candidate.name()) == "Error";
    });
    return {node.child("Code").text().get(), node.child("Message").text().get()};
  }
  const auto fields = Fields::parse(body);
  if (!fields) return refusal;
  refusal.code = fields->text({"error", "__type", "Code", "code"});
  refusal.message = fields->text({"error_description", "message", "Message"});
  return refusal;
}

Result<SsoToken> parse_sso_token(std::string_view text) {
  TRY(const Fields fields, Fields::parse(text));
  SsoToken token;
  token.access_token = fields.text({"accessToken"});
  if (token.access_token.empty()) return missing("accessToken");
  token.expires = parse_iso_time(fields.text({"expiresAt"}));
  if (!token.expires) return missing("expiresAt");
  token.refresh_token = fields.text({"refreshToken"});
  token.client_id = fields.text({"clientId"});
  token.client_secret = fields.text({"clientSecret"});
  token.registration_expires = parse_iso_time(fields.text({"registrationExpiresAt"}));
  return token;
}

Result<std::string> renew_sso_token(std::string_view text, std::string_view answer, WallTime now) {
  TRY(Fields file, Fields::parse(text));
  TRY(const Fields fields, Fields::parse(answer));
  const std::string access_token = fields.text({"accessToken"});
  const auto seconds = fields.number("expiresIn");
  if (access_token.empty()) return missing("accessToken");
  if (!seconds || *seconds < 1 || *seconds > 100'000'000) return missing("expiresIn");
  json::object& object = file.object();
  object["accessToken"] = access_token;
  object["expiresAt"] = format_iso_time(now + std::chrono::seconds(*seconds));
  const std::string refresh_token = fields.text({"refreshToken"});
  if (!refresh_token.empty()) object["refreshToken"] = refresh_token;
  return json::serialize(object);
}

}  // namespace telpher
