"""Certificates nobody has heard of."""

import subprocess


def make_certificate(folder, name="localhost", alternatives="DNS:localhost,IP:127.0.0.1"):
    """(certificate, key): paths of a self-signed one."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}"],
                   check=True, capture_output=True)
    return certificate, key
