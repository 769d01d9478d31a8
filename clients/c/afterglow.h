/* Sends samples to Afterglow: one header, C99 or C++, no allocation.
 *
 * In one file write `#define AFTERGLOW_IMPLEMENTATION` before the first include of all, `#include "afterglow.h"`; elsewhere only include
 * it. With POSIX sockets `afterglow_send` does everything. Elsewhere `afterglow_request` builds a request in your buffer, you
 * carry it to the server and its answer back, and `afterglow_answer` reads what became of the samples.
 *
 * Samples wait in a ring of yours until the server has stored them. A sample's identity is its name and microsecond, so one that is
 * sent again is not stored twice. Nothing here is safe to call from two threads at once. There is no TLS.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef AFTERGLOW_H
#define AFTERGLOW_H

#if defined(AFTERGLOW_IMPLEMENTATION) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(AFTERGLOW_SOCKETS) && (defined(__unix__) || defined(__APPLE__))
#define AFTERGLOW_SOCKETS 1
#endif

/* A sample that waits. */
typedef struct {
  const char *name; /* 1 to 256 bytes of UTF-8; must stay valid while the sample waits */
  double value;
  int64_t at; /* microseconds since 1970 */
} afterglow_sample;

/* What became of an attempt to send. */
typedef enum {
  AFTERGLOW_IDLE,    /* nothing waits, or it is too early to try again */
  AFTERGLOW_STORED,  /* the server has stored the samples, except for those that it refused one by one */
  AFTERGLOW_RETRY,   /* no answer, 408, 413, 429 or 5xx: they are kept */
  AFTERGLOW_DENIED,  /* 401, 403 or 421: they are kept, but a key or a setting is wrong */
  AFTERGLOW_REFUSED, /* another 4xx: they are dropped, the answer in the buffer says why */
  AFTERGLOW_TOO_SMALL /* not one sample fits into the buffer */
} afterglow_outcome;

/* A client. Read the counts; leave the rest alone. */
typedef struct {
  unsigned long sent, rejected, dropped, retries; /* samples stored, refused for good, and lost to a full ring; failed requests */
  int status;                                     /* of the last answer; 0 without one */

  afterglow_sample *ring;
  size_t capacity, first, waiting, most;
  uint32_t head, asked, carried; /* the number of the first sample that waits; what the last request has */
  uint32_t next, failures, random;
  int rests;
  int64_t last;
  const char *host, *key;
  uint16_t port;
} afterglow;

/* Prepares `client`. `ring` has room for `capacity` samples; when it is full the oldest is dropped. `host` is a name or an address
 * without a port; `key` is the key to show, or NULL. All must outlive the client. */
void afterglow_init(afterglow *client, afterglow_sample *ring, size_t capacity, const char *host, uint16_t port, const char *key);

/* Takes a sample. `at` is in microseconds since 1970, later than March 1973; where there is a clock of POSIX, 0 means now, and then no two
 * samples share an instant. Returns 0, or -1 for a name, a value or a time that cannot be stored, which counts as rejected. */
int afterglow_put(afterglow *client, const char *name, double value, int64_t at);

/* Writes an HTTP request with the oldest samples into `buffer`, as many as fit. Returns its length, or 0 when nothing waits or not one
 * sample fits: some 250 bytes, the key and one name are the least. */
size_t afterglow_request(afterglow *client, char *buffer, size_t size);

/* Reads the answer to the last request: its first `length` bytes, 0 without an answer. Samples that were stored or refused leave the
 * ring. `now` is a time in milliseconds that may wrap around, such as millis(). */
afterglow_outcome afterglow_answer(afterglow *client, const char *answer, size_t length, uint32_t now);

/* Milliseconds until a request should be made at `now`; 0 when it may be made at once. */
uint32_t afterglow_wait(const afterglow *client, uint32_t now);

#ifdef AFTERGLOW_SOCKETS
/* Sends one request, if samples wait and it is not too early after a failure. Waits for the server for at most `timeout_ms` each time it
 * connects, sends or reads. `buffer` is for the request and the start of the answer, which ends with a 0. */
afterglow_outcome afterglow_send(afterglow *client, char *buffer, size_t size, int timeout_ms);

/* Sends until nothing waits, for at most `timeout_ms` and one request. Returns how many samples still wait. */
size_t afterglow_flush(afterglow *client, char *buffer, size_t size, int timeout_ms);
#endif

#ifdef __cplusplus
}
#endif
#endif /* AFTERGLOW_H */

#ifdef AFTERGLOW_IMPLEMENTATION
#ifndef AFTERGLOW_IMPLEMENTED
#define AFTERGLOW_IMPLEMENTED

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef AFTERGLOW_SOCKETS
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define AFTERGLOW_NAME_BYTES 256
#define AFTERGLOW_EARLIEST INT64_C(100000000000000) /* smaller numbers would be milliseconds */
#define AFTERGLOW_LATEST INT64_C(100000000000000000) /* larger ones nanoseconds */
#define AFTERGLOW_RETRY_BASE 250u /* the bound of the wait after the first failure, in ms; it doubles with each further one */
#define AFTERGLOW_RETRY_CAP 5000u
#define AFTERGLOW_DENIED_WAIT 60000u /* only a person can change that */
#define AFTERGLOW_RETRY_AFTER_CAP 600u /* the longest Retry-After that is honoured, in seconds */

void afterglow_init(afterglow *client, afterglow_sample *ring, size_t capacity, const char *host, uint16_t port, const char *key) {
  memset(client, 0, sizeof *client);
  client->ring = ring;
  client->capacity = capacity;
  client->most = capacity;
  client->host = host;
  client->port = port;
  client->key = key;
  client->random = (uint32_t)(uintptr_t)client ^ 2463534242u;
}

#ifdef AFTERGLOW_SOCKETS
/* The time in microseconds: later than the last one, unless the clock was set back. */
static int64_t afterglow__now(afterglow *client) {
  struct timespec now;
  int64_t at;
  clock_gettime(CLOCK_REALTIME, &now);
  at = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
  if (at <= client->last && at > client->last - 1000000) at = client->last + 1;
  client->last = at;
  return at;
}
#endif

static int afterglow__is_name(const char *name) {
  size_t length;
  for (length = 0; name[length] != '\0'; length++) {
    unsigned char byte = (unsigned char)name[length];
    if (byte < 0x20 || byte == 0x7f || length == AFTERGLOW_NAME_BYTES) return 0;
  }
  return length > 0;
}

/* The sample at a place in the order of those that wait. */
static afterglow_sample *afterglow__sample(const afterglow *client, size_t place) {
  return &client->ring[(client->first + place) % client->capacity];
}

/* Takes the oldest `count` out of the ring. */
static void afterglow__forget(afterglow *client, uint32_t count) {
  client->first = (client->first + count) % client->capacity;
  client->head += count;
  client->waiting -= count;
}

int afterglow_put(afterglow *client, const char *name, double value, int64_t at) {
  afterglow_sample *sample;
#ifdef AFTERGLOW_SOCKETS
  if (at == 0) at = afterglow__now(client);
#endif
  if (client->capacity == 0 || !afterglow__is_name(name) || value - value != 0 || at < AFTERGLOW_EARLIEST || at >= AFTERGLOW_LATEST) {
    client->rejected++;
    return -1;
  }
  if (client->waiting == client->capacity) {
    afterglow__forget(client, 1);
    client->dropped++;
  }
  sample = afterglow__sample(client, client->waiting);
  sample->name = name;
  sample->value = value;
  sample->at = at;
  client->waiting++;
  return 0;
}

/* Text in a buffer; `is_full` once something did not fit. */
typedef struct {
  char *text;
  size_t size, length;
  int is_full;
} afterglow__text;

static void afterglow__add(afterglow__text *out, const char *text, size_t length) {
  if (out->is_full || length > out->size - out->length) {
    out->is_full = 1;
    return;
  }
  memcpy(out->text + out->length, text, length);
  out->length += length;
}

static void afterglow__say(afterglow__text *out, const char *text) { afterglow__add(out, text, strlen(text)); }

static void afterglow__name(afterglow__text *out, const char *name) {
  afterglow__say(out, "\"");
  for (; *name != '\0'; name++) {
    if (*name == '"' || *name == '\\') afterglow__say(out, "\\");
    afterglow__add(out, name, 1);
  }
  afterglow__say(out, "\"");
}

/* The shortest of 15 and 17 digits that is read back as the same value, with a point whatever the locale. */
static void afterglow__number(afterglow__text *out, double value) {
  char digits[40], *c;
  snprintf(digits, sizeof digits, "%.15g", value);
  if (strtod(digits, NULL) != value) snprintf(digits, sizeof digits, "%.17g", value);
  for (c = digits; *c != '\0'; c++) {
    if (strchr("0123456789+-.eE", *c) == NULL) *c = '.';
  }
  afterglow__say(out, digits);
}

size_t afterglow_request(afterglow *client, char *buffer, size_t size) {
  afterglow__text out;
  char digits[32];
  const char *length_digits = "           ";
  size_t length_at, body_at, fitting = 0, count;
  int is_ipv6 = strchr(client->host, ':') != NULL;
  out.text = buffer;
  out.size = size;
  out.length = 0;
  out.is_full = 0;
  afterglow__say(&out, "POST /api/telemetry HTTP/1.1\r\nHost: ");
  afterglow__say(&out, is_ipv6 ? "[" : "");
  afterglow__say(&out, client->host);
  snprintf(digits, sizeof digits, "%s:%u\r\n", is_ipv6 ? "]" : "", (unsigned)client->port);
  afterglow__say(&out, digits);
  if (client->key != NULL) {
    afterglow__say(&out, "Authorization: Bearer ");
    afterglow__say(&out, client->key);
    afterglow__say(&out, "\r\n");
  }
  afterglow__say(&out, "Content-Type: application/json\r\nConnection: close\r\nContent-Length:");
  length_at = out.length;
  afterglow__say(&out, length_digits);
  afterglow__say(&out, "\r\n\r\n[");
  body_at = out.length - 1;
  for (count = 0; count < client->waiting && count < client->most; count++) {
    const afterglow_sample *sample = afterglow__sample(client, count);
    size_t start = out.length;
    if (count > 0 && afterglow__sample(client, count - 1)->at == sample->at) {
      out.length -= 2; /* goes on in the object of this instant */
      afterglow__say(&out, ",");
    } else {
      snprintf(digits, sizeof digits, "%s{\"timestamp\":", count > 0 ? "," : "");
      afterglow__say(&out, digits);
      snprintf(digits, sizeof digits, "%lld", (long long)sample->at);
      afterglow__say(&out, digits);
      afterglow__say(&out, ",\"signals\":{");
    }
    afterglow__name(&out, sample->name);
    afterglow__say(&out, ":");
    afterglow__number(&out, sample->value);
    afterglow__say(&out, "}}");
    if (out.is_full || out.length + 1 > size) {
      /* What was there before it ends the body. */
      if (count > 0) memcpy(out.text + start - 2, "}}", 2);
      out.length = start;
      out.is_full = count == 0;
      break;
    }
    fitting++;
  }
  afterglow__say(&out, "]");
  if (fitting == 0 || out.is_full) return 0;
  snprintf(digits, sizeof digits, "%11lu", (unsigned long)(out.length - body_at));
  memcpy(buffer + length_at, digits, 11);
  client->asked = client->head;
  client->carried = (uint32_t)fitting;
  return out.length;
}

/* The position after `what` in `text`; NULL when it is not there. */
static const char *afterglow__after(const char *text, size_t length, const char *what) {
  size_t size = strlen(what), i;
  for (i = 0; i + size <= length; i++) {
    size_t same = 0;
    while (same < size) {
      char c = text[i + same];
      if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
      if (c != what[same]) break;
      same++;
    }
    if (same == size) return text + i + size;
  }
  return NULL;
}

/* The number that begins there, after blanks. */
static unsigned long afterglow__count(const char *text, const char *end) {
  unsigned long number = 0;
  if (text == NULL) return 0;
  while (text < end && *text == ' ') text++;
  for (; text < end && *text >= '0' && *text <= '9' && number < 100000000ul; text++) number = number * 10 + (unsigned long)(*text - '0');
  return number;
}

static uint32_t afterglow__jitter(afterglow *client, uint32_t bound) {
  /* xorshift32 by G. Marsaglia */
  client->random ^= client->random << 13;
  client->random ^= client->random >> 17;
  client->random ^= client->random << 5;
  return client->random % (bound + 1);
}

/* Takes the samples of the last request out of the ring, as far as a full ring has not done it. Returns how many it had. */
static unsigned long afterglow__take(afterglow *client) {
  uint32_t carried = client->carried, gone = client->head - client->asked;
  if (gone < carried) afterglow__forget(client, carried - gone);
  client->carried = 0;
  return carried;
}

afterglow_outcome afterglow_answer(afterglow *client, const char *answer, size_t length, uint32_t now) {
  const char *end = answer + length, *status = afterglow__after(answer, length < 9 ? length : 9, "http/1.");
  unsigned long wait = 0, rejected, carried;
  if (client->carried == 0) return AFTERGLOW_IDLE;
  client->rests = 0;
  client->status = status != NULL && length >= 12 ? (int)afterglow__count(status + 1, end) : 0;
  if (client->status >= 200 && client->status < 300 && afterglow__after(answer, length, "\"status\":\"success\"") != NULL) {
    carried = afterglow__take(client);
    rejected = afterglow__count(afterglow__after(answer, length, "\"rejected_count\":"), end);
    if (rejected > carried) rejected = carried;
    client->rejected += rejected;
    client->sent += carried - rejected;
    client->failures = 0;
    client->most = client->most > client->capacity / 2 ? client->capacity : client->most * 2;
    return AFTERGLOW_STORED;
  }
  if (client->status == 413 && client->carried > 1) {
    /* Half of it may fit. */
    client->most = client->carried / 2;
    return AFTERGLOW_RETRY;
  }
  if (client->status >= 400 && client->status < 500 && client->status != 401 && client->status != 403 && client->status != 408 &&
      client->status != 421 && client->status != 429) {
    client->rejected += afterglow__take(client);
    client->failures = 0;
    return AFTERGLOW_REFUSED;
  }
  client->retries++;
  client->rests = 1;
  if (client->status != 0) wait = afterglow__count(afterglow__after(answer, length, "\r\nretry-after:"), end);
  if (wait > AFTERGLOW_RETRY_AFTER_CAP) wait = AFTERGLOW_RETRY_AFTER_CAP;
  wait *= 1000;
  if (client->status == 401 || client->status == 403 || client->status == 421) {
    if (wait < AFTERGLOW_DENIED_WAIT) wait = AFTERGLOW_DENIED_WAIT;
    client->next = now + (uint32_t)wait + afterglow__jitter(client, AFTERGLOW_RETRY_BASE);
    return AFTERGLOW_DENIED;
  }
  if (wait > 0) {
    wait += afterglow__jitter(client, AFTERGLOW_RETRY_BASE);
  } else {
    wait = AFTERGLOW_RETRY_BASE << (client->failures < 5 ? client->failures : 5);
    wait = afterglow__jitter(client, (uint32_t)(wait < AFTERGLOW_RETRY_CAP ? wait : AFTERGLOW_RETRY_CAP));
  }
  client->failures++;
  client->next = now + (uint32_t)wait;
  return AFTERGLOW_RETRY;
}

uint32_t afterglow_wait(const afterglow *client, uint32_t now) {
  uint32_t wait = client->next - now;
  /* Times wrap around: what seems more than 24 days ahead has passed. */
  return client->rests && wait <= INT32_MAX ? wait : 0;
}

#ifdef AFTERGLOW_SOCKETS
static uint32_t afterglow__millis(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

/* A connection to the server, or -1. */
static int afterglow__connect(const afterglow *client, int timeout_ms) {
  struct addrinfo hints, *found = NULL, *one;
  struct timeval timeout;
  char port[8];
  int fd = -1;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  snprintf(port, sizeof port, "%u", (unsigned)client->port);
  if (getaddrinfo(client->host, port, &hints, &found) != 0) return -1;
  timeout.tv_sec = timeout_ms / 1000;
  timeout.tv_usec = timeout_ms % 1000 * 1000;
  for (one = found; one != NULL; one = one->ai_next) {
    fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
    if (fd < 0) continue;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
#ifdef SO_NOSIGPIPE
    {
      int on = 1;
      setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
    }
#endif
    if (connect(fd, one->ai_addr, one->ai_addrlen) == 0) break;
    close(fd);
    fd = -1;
  }
  freeaddrinfo(found);
  return fd;
}

/* Whether all of it could be sent. */
static int afterglow__write(int fd, const char *text, size_t length) {
#ifdef MSG_NOSIGNAL
  const int flags = MSG_NOSIGNAL;
#else
  const int flags = 0;
#endif
  while (length > 0) {
    ssize_t written = send(fd, text, length, flags);
    if (written <= 0) return 0;
    text += written;
    length -= (size_t)written;
  }
  return 1;
}

/* Reads until the server closes the connection; what does not fit is passed over. Returns the length, 0 when it breaks before. */
static size_t afterglow__read(int fd, char *buffer, size_t size) {
  char rest[256];
  size_t length = 0;
  for (;;) {
    int is_full = length + 1 >= size;
    ssize_t got = is_full ? recv(fd, rest, sizeof rest, 0) : recv(fd, buffer + length, size - 1 - length, 0);
    if (got < 0) length = 0;
    if (got <= 0) break;
    if (!is_full) length += (size_t)got;
  }
  if (size > 0) buffer[length] = '\0';
  return length;
}

afterglow_outcome afterglow_send(afterglow *client, char *buffer, size_t size, int timeout_ms) {
  size_t length;
  int fd;
  if (client->waiting == 0 || afterglow_wait(client, afterglow__millis()) > 0) return AFTERGLOW_IDLE;
  length = afterglow_request(client, buffer, size);
  if (length == 0) return AFTERGLOW_TOO_SMALL;
  fd = afterglow__connect(client, timeout_ms);
  if (fd < 0 || !afterglow__write(fd, buffer, length)) length = 0;
  if (length > 0) length = afterglow__read(fd, buffer, size);
  if (fd >= 0) close(fd);
  return afterglow_answer(client, buffer, length, afterglow__millis());
}

size_t afterglow_flush(afterglow *client, char *buffer, size_t size, int timeout_ms) {
  uint32_t start = afterglow__millis();
  while (client->waiting > 0) {
    uint32_t now = afterglow__millis(), wait = afterglow_wait(client, now), left;
    if (now - start >= (uint32_t)timeout_ms) break;
    left = (uint32_t)timeout_ms - (now - start);
    poll(NULL, 0, (int)(wait < left ? wait : left));
    if (afterglow_send(client, buffer, size, (int)(left > 0 ? left : 1)) == AFTERGLOW_TOO_SMALL) break;
  }
  return client->waiting;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
#endif
