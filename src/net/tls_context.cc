#include "net/tls.h"
#include "net/tls_error.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace telpher {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using UniqueBio = std::unique_ptr<BIO, FreeBio>;
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using UniqueKey = std::unique_ptr<EVP_PKEY, FreeKey>;
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using UniqueCertificate = std::unique_ptr<X509, FreeCertificate>;

UniqueBio bio_of(const std::string& text) {
  return UniqueBio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

void set_defaults(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // AES-128 first: as safe, a quarter cheaper.
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
}

}  // namespace

// --- buffers ----------------------------------------------------------------------------------

CipherBuffers::Buffer CipherBuffers::take() {
  if (idle_.empty()) return std::make_unique_for_overwrite<std::byte[]>(kBytes);
  Buffer buffer = std::move(idle_.back());
  idle_.pop_back();
  return buffer;
}

void CipherBuffers::give_back(Buffer buffer) {
  constexpr std::size_t kIdleMax = 16;
  if (buffer && idle_.size() < kIdleMax) idle_.push_back(std::move(buffer));
}

// --- contexts ---------------------------------------------------------------------------------

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

void TlsSessionSlot::store(ssl_session_st* session) {
  if (session_) SSL_SESSION_free(session_);
  session_ = session;
}

static int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* slot = static_cast<TlsSessionSlot*>(SSL_get_ex_data(ssl, 0));
  if (!slot) return 0;
  slot->store(session);
  return 1;
}

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::make(const TlsClientOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  CHECK(context != nullptr);
  std::unique_ptr<TlsClientContext> result(new TlsClientContext(context));
  set_defaults(context);
  static constexpr unsigned char kProtocols[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context, kProtocols, sizeof kProtocols - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  if (!options.verify) return result;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options.ca_bundle.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return result;
  }
  if (SSL_CTX_load_verify_file(context, options.ca_bundle.c_str()) != 1) {
    return make_error(ErrorKind::kInvalid, "cannot read certificates from '" + options.ca_bundle +
                                               "' (" + tls_error_text() +
                                               "): give a PEM file with --ca-bundle");
  }
  // Whoever names a certificate trusts it, be it an authority's or the server's own.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  return result;
}

Result<std::unique_ptr<TlsServerContext>> TlsServerContext::make(const TlsServerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  CHECK(context != nullptr);
  std::unique_ptr<TlsServerContext> result(new TlsServerContext(context));
  set_defaults(context);
  SSL_CTX_set_num_tickets(context, 1);
  const UniqueBio chain = bio_of(options.certificate_pem);
  const UniqueCertificate own(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) {
    return make_error(ErrorKind::kInvalid, "cannot use the certificate: " + tls_error_text());
  }
  while (X509* next = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)) {
    SSL_CTX_add0_chain_cert(context, next);
  }
  tls_error_text();  // the end of the chain counts as an error; the key's are to be told
  const UniqueKey key(
      PEM_read_bio_PrivateKey(bio_of(options.private_key_pem).get(), nullptr, nullptr, nullptr));
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return make_error(ErrorKind::kInvalid, "cannot use the private key: " + tls_error_text());
  }
  return result;
}

// --- certificates -----------------------------------------------------------------------------

Result<SelfSigned> make_self_signed(const std::string& names, int days) {
  const Error failed = make_error(ErrorKind::kInvalid, "cannot make a certificate for " + names);
  const UniqueKey key(EVP_EC_gen("P-256"));
  const UniqueCertificate certificate(X509_new());
  if (!key || !certificate) return failed;
  X509* const x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), 1);
  constexpr long kDay = 24L * 60 * 60;
  X509_gmtime_adj(X509_getm_notBefore(x), days < 0 ? (days - 1L) * kDay : -kDay);
  X509_gmtime_adj(X509_getm_notAfter(x), days * kDay);
  X509_set_pubkey(x, key.get());
  const auto* common = reinterpret_cast<const unsigned char*>("telpher self-signed");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, common, -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  X509_EXTENSION* alternatives =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  if (!alternatives) return failed;
  X509_add_ext(x, alternatives, -1);
  X509_EXTENSION_free(alternatives);
  if (X509_sign(x, key.get(), EVP_sha256()) == 0) return failed;
  const UniqueBio certificate_out(BIO_new(BIO_s_mem()));
  const UniqueBio key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_out.get(), x);
  PEM_write_bio_PKCS8PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return SelfSigned{text_of(certificate_out.get()), text_of(key_out.get())};
}

}  // namespace telpher
