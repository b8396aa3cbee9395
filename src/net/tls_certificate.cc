#include "net/tls_certificate.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <arpa/inet.h>
#include <ctime>

namespace telpher {
namespace {

int fault_slot() {
  static const int kSlot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kSlot;
}

int keep_fault(int ok, X509_STORE_CTX* chain) {
  if (ok == 1) return 1;
  auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* faults = static_cast<std::vector<int>*>(SSL_get_ex_data(ssl, fault_slot()));
  faults->push_back(X509_STORE_CTX_get_error(chain));
  return 1;
}

CertificateFault fault_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return CertificateFault::kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID: return CertificateFault::kNotYetValid;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return CertificateFault::kOtherHost;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return CertificateFault::kSelfSigned;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED: return CertificateFault::kUntrusted;
    default: return CertificateFault::kOther;
  }
}

std::string entry_of(const X509_NAME* name, int field) {
  char text[256];
  const int size = X509_NAME_get_text_by_NID(name, field, text, sizeof text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::string name_of(const X509_NAME* name) {
  std::string common = entry_of(name, NID_commonName);
  return common.empty() ? entry_of(name, NID_organizationName) : common;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&utc));
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::vector<std::string> alternatives_of(const X509* certificate) {
  std::vector<std::string> result;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) result.push_back(text_of(name->d.dNSName));
    if (name->type != GEN_IPADD) continue;
    const std::string bytes = text_of(name->d.iPAddress);
    char text[INET6_ADDRSTRLEN];
    const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
    if (bytes.size() != 4 && bytes.size() != 16) continue;
    if (::inet_ntop(family, bytes.data(), text, sizeof text)) result.emplace_back(text);
  }
  GENERAL_NAMES_free(names);
  return result;
}

}  // namespace

bool TlsPeer::has(CertificateFault fault) const {
  return std::ranges::find(faults, fault) != faults.end();
}

void record_certificate_faults(ssl_st* ssl, std::vector<int>* faults) {
  SSL_set_ex_data(ssl, fault_slot(), faults);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, keep_fault);
}

TlsPeer describe_peer(const ssl_st* ssl, const std::vector<int>& faults) {
  TlsPeer peer;
  peer.version = SSL_get_version(ssl);
  for (const int error : faults) {
    if (!peer.has(fault_of(error))) peer.faults.push_back(fault_of(error));
  }
  if (!faults.empty()) peer.fault_text = X509_verify_cert_error_string(faults.front());
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (!certificate) return peer;
  peer.subject = name_of(X509_get_subject_name(certificate));
  peer.issuer = name_of(X509_get_issuer_name(certificate));
  peer.names = alternatives_of(certificate);
  peer.valid_from = time_of(X509_get0_notBefore(certificate));
  peer.valid_until = time_of(X509_get0_notAfter(certificate));
  return peer;
}

}  // namespace telpher
