#pragma once
// The S3 operations of the sink, one request at a time.

#include "peers/server.h"
#include "peers/sink_state.h"

namespace telpher::bench {

class S3Service : public Service {
 public:
  /// @param md5  MD5 ETags for every body, not only for those sent with Content-MD5
  S3Service(SinkState& state, bool md5) : state_(state), md5_(md5) {}

  void start(const Head& head) override;
  void body(Bytes bytes) override;
  Response finish() override;
  void cut() override { ++state_.counts().cut; }

 private:
  Response answer();
  Response answer_sink();
  Response answer_bucket();
  Response answer_object();
  Response take_body();
  Response get(bool head_only);
  Response create_upload();
  Response complete_upload();
  Response list_parts();
  Response list_objects();
  Response error(int status, std::string code);
  Response count(const char* operation, Response response);

  SinkState& state_;
  bool md5_;
  const Head* head_ = nullptr;
  std::string bucket_, key_, name_;  // name_ = bucket/key
  bool checks_body_ = false;         // an object or a part; else the body is text of a request
  BodyCheck check_;
  std::string text_;
};

}  // namespace telpher::bench
