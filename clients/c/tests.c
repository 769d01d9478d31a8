/* Tests of afterglow.h, against the real server where it matters: cc -std=c99 tests.c && AFTERGLOW_BIN=... ./a.out */
#define AFTERGLOW_IMPLEMENTATION
#include "afterglow.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>

static int passed, failed, fails_now;

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      printf("%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      fails_now = 1;                                                       \
    }                                                                      \
  } while (0)

static char buffer[16384];

/* A server on a port that it keeps when it is started again. */
static char folder[] = "/tmp/afterglow-XXXXXX";
static pid_t server;
static unsigned port;

static void start_server(void) {
  const char *program = getenv("AFTERGLOW_BIN");
  char listen[64], database[64], line[256];
  int out[2];
  FILE *lines;
  if (program == NULL) program = "../../target/release/afterglow";
  snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
  snprintf(database, sizeof database, "%s/afterglow.db", folder);
  if (pipe(out) != 0) abort();
  server = fork();
  if (server == 0) {
    int null = open("/dev/null", O_WRONLY);
    dup2(out[1], 1);
    dup2(null, 2);
    close(out[0]);
    execl(program, program, "serve", "--listen", listen, "--database", database, (char *)NULL);
    _exit(127);
  }
  close(out[1]);
  lines = fdopen(out[0], "r");
  while (lines != NULL && fgets(line, sizeof line, lines) != NULL) {
    if (sscanf(line, "listening on http://127.0.0.1:%u", &port) == 1) {
      fclose(lines);
      return;
    }
  }
  printf("%s does not start\n", program);
  exit(1);
}

/* Ends it without notice, as a crash would. */
static void kill_server(void) {
  kill(server, SIGKILL);
  waitpid(server, NULL, 0);
}

/* All stored samples of a signal as CSV, in the order of time; lives until the next call. */
static const char *stored(const afterglow *client, const char *name) {
  static char answer[1 << 22];
  char *from, *to;
  unsigned long chunk;
  int fd = afterglow__connect(client, 10000);
  int length = snprintf(answer, sizeof answer,
                        "GET /api/telemetry?format=csv&from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&signals=%s HTTP/1.1\r\n"
                        "Host: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", name, port);
  if (fd < 0 || !afterglow__write(fd, answer, (size_t)length)) return "";
  afterglow__read(fd, answer, sizeof answer);
  close(fd);
  from = strstr(answer, "\r\n\r\n");
  if (from == NULL) return "";
  /* It comes in chunks. */
  for (from += 4, to = answer; (chunk = strtoul(from, &from, 16)) > 0; from += chunk + 2, to += chunk) memmove(to, from += 2, chunk);
  *to = '\0';
  return answer;
}

/* How many values of a signal are stored, if they are 0, 1, 2, ...; otherwise -1. */
static long counted(const afterglow *client, const char *name) {
  long count = 0;
  const char *line = strchr(stored(client, name), '\n');
  for (; line != NULL && line[1] != '\0'; line = strchr(line + 1, '\n')) {
    const char *value = strchr(line, ',');
    value = value == NULL ? NULL : strchr(value + 1, ',');
    if (value == NULL || strtod(value + 1, NULL) != (double)count) return -1;
    count++;
  }
  return count;
}

#define ANSWER(client, text, now) afterglow_answer(client, text, strlen(text), now)

static void bodies(void) {
  afterglow_sample ring[4];
  afterglow client;
  size_t length;
  afterglow_init(&client, ring, 4, "::1", 5001, "agk_1");
  CHECK(afterglow_request(&client, buffer, sizeof buffer) == 0);
  CHECK(afterglow_put(&client, "a\"\\b", 0.1, INT64_C(1700000000000001)) == 0);
  CHECK(afterglow_put(&client, "c", -1e300, INT64_C(1700000000000001)) == 0);
  CHECK(afterglow_put(&client, "c", 1.0 / 3, INT64_C(1700000000000002)) == 0);
  length = afterglow_request(&client, buffer, sizeof buffer);
  buffer[length] = '\0';
  CHECK(strcmp(buffer,
               "POST /api/telemetry HTTP/1.1\r\nHost: [::1]:5001\r\nAuthorization: Bearer agk_1\r\n"
               "Content-Type: application/json\r\nConnection: close\r\nContent-Length:        136\r\n\r\n"
               "[{\"timestamp\":1700000000000001,\"signals\":{\"a\\\"\\\\b\":0.1,\"c\":-1e+300}},"
               "{\"timestamp\":1700000000000002,\"signals\":{\"c\":0.33333333333333331}}]") == 0);
}

static void bodies_fit(void) {
  afterglow_sample ring[40];
  afterglow client;
  size_t size, largest = 0;
  int i;
  afterglow_init(&client, ring, 40, "host", 5001, NULL);
  for (i = 0; i < 40; i++) afterglow_put(&client, "name", i, INT64_C(1700000000000000) + i / 3);
  for (size = 0; size < 2000; size++) {
    char *exact = (char *)malloc(size + 1);
    size_t length, body;
    exact[size] = 'x';
    length = afterglow_request(&client, exact, size);
    CHECK(length <= size && exact[size] == 'x' && length >= largest);
    if (length > 0) {
      body = (size_t)(exact + length - afterglow__after(exact, length, "\r\n\r\n"));
      CHECK(afterglow__count(afterglow__after(exact, length, "content-length:"), exact + length) == body);
      CHECK(memcmp(exact + length - 3, "}}]", 3) == 0);
      largest = length;
    }
    free(exact);
  }
  CHECK(client.carried == 40);
}

static void wrong_samples_are_refused(void) {
  afterglow_sample ring[1];
  afterglow client;
  char name[258];
  memset(name, 'x', 257);
  name[257] = '\0';
  afterglow_init(&client, ring, 1, "host", 5001, NULL);
  CHECK(afterglow_put(&client, "", 1, 0) == -1 && afterglow_put(&client, name, 1, 0) == -1);
  CHECK(afterglow_put(&client, "bad\n", 1, 0) == -1 && afterglow_put(&client, "a", 1, 1700000000) == -1);
  CHECK(afterglow_put(&client, "a", HUGE_VAL, 0) == -1 && afterglow_put(&client, "a", -HUGE_VAL * 0, 0) == -1);
  CHECK(client.rejected == 6 && client.waiting == 0);
  name[256] = '\0';
  CHECK(afterglow_put(&client, name, 1, 0) == 0);
}

static void retry_table(void) {
  static const int statuses[] = {400, 404, 415, 422, 401, 403, 421, 301, 408, 429, 500, 503, 200};
  static const afterglow_outcome outcomes[] = {
      AFTERGLOW_REFUSED, AFTERGLOW_REFUSED, AFTERGLOW_REFUSED, AFTERGLOW_REFUSED, AFTERGLOW_DENIED, AFTERGLOW_DENIED, AFTERGLOW_DENIED,
      AFTERGLOW_RETRY,   AFTERGLOW_RETRY,   AFTERGLOW_RETRY,   AFTERGLOW_RETRY,   AFTERGLOW_RETRY,  AFTERGLOW_RETRY};
  size_t i;
  for (i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    afterglow_sample ring[2];
    afterglow client;
    char answer[64];
    afterglow_init(&client, ring, 2, "host", 5001, NULL);
    afterglow_put(&client, "a", 1, 0);
    afterglow_put(&client, "a", 2, 0);
    CHECK(afterglow_request(&client, buffer, sizeof buffer) > 0);
    snprintf(answer, sizeof answer, "HTTP/1.1 %d X\r\n\r\n{\"status\":\"ok\"}", statuses[i]);
    CHECK(ANSWER(&client, answer, UINT32_MAX - 5) == outcomes[i]);
    CHECK(client.waiting == (outcomes[i] == AFTERGLOW_REFUSED ? 0u : 2u));
    CHECK((afterglow_wait(&client, UINT32_MAX - 5) >= 60000) == (outcomes[i] == AFTERGLOW_DENIED));
    CHECK(afterglow_wait(&client, 70000) == 0);
  }
}

static void answers(void) {
  afterglow_sample ring[4];
  afterglow client;
  uint32_t longest = 0, i;
  afterglow_init(&client, ring, 4, "host", 5001, NULL);
  for (i = 0; i < 4; i++) afterglow_put(&client, "a", i, 0);
  for (i = 0; i < 500; i++) {
    CHECK(afterglow_request(&client, buffer, sizeof buffer) > 0);
    CHECK(afterglow_answer(&client, "", 0, 0) == AFTERGLOW_RETRY);
    CHECK(afterglow_wait(&client, 0) <= (i < 6 ? 250u << i : 5000u));
    if (afterglow_wait(&client, 0) > longest) longest = afterglow_wait(&client, 0);
  }
  CHECK(longest > 2500 && client.retries == 500);
  CHECK(ANSWER(&client, "HTTP/1.1 503 X\r\nRetry-After: 7\r\n\r\n", 0) == AFTERGLOW_RETRY);
  CHECK(afterglow_wait(&client, 0) >= 7000 && afterglow_wait(&client, 0) <= 7250);
  CHECK(ANSWER(&client, "HTTP/1.1 413 X\r\n\r\n", 0) == AFTERGLOW_RETRY && afterglow_wait(&client, 0) == 0);
  CHECK(afterglow_request(&client, buffer, sizeof buffer) > 0 && client.carried == 2);
  CHECK(ANSWER(&client, "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"success\",\"accepted\":1,\"rejected_count\":1}", 0) == AFTERGLOW_STORED);
  CHECK(client.sent == 1 && client.rejected == 1 && client.waiting == 2);
  CHECK(ANSWER(&client, "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"success\"}", 0) == AFTERGLOW_IDLE && client.waiting == 2);
}

static void a_full_ring_drops_the_oldest(void) {
  afterglow_sample ring[5];
  afterglow client;
  int i;
  afterglow_init(&client, ring, 5, "host", 5001, NULL);
  client.head = UINT32_MAX - 3;
  for (i = 0; i < 7; i++) afterglow_put(&client, "a", i, 0);
  CHECK(client.dropped == 2 && client.waiting == 5 && afterglow__sample(&client, 0)->value == 2);
  CHECK(afterglow_request(&client, buffer, sizeof buffer) > 0);
  /* The two oldest make room while the request is on its way. */
  for (; i < 9; i++) afterglow_put(&client, "a", i, 0);
  CHECK(ANSWER(&client, "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"success\"}", 0) == AFTERGLOW_STORED);
  CHECK(client.waiting == 2 && afterglow__sample(&client, 0)->value == 7 && afterglow__sample(&client, 1)->value == 8);
}

static void a_killed_server_loses_and_doubles_nothing(void) {
  static afterglow_sample ring[20000];
  afterglow client;
  long sent = 0;
  int round, i;
  afterglow_init(&client, ring, 20000, "127.0.0.1", (uint16_t)port, NULL);
  for (round = 0; round < 6; round++) {
    size_t length;
    int fd;
    for (i = 0; i < 300; i++) afterglow_put(&client, "count", (double)sent++, 0);
    CHECK(afterglow_send(&client, buffer, sizeof buffer, 5000) == AFTERGLOW_STORED);
    /* Killed with a request on its way, which may be stored or not. */
    length = afterglow_request(&client, buffer, sizeof buffer);
    fd = afterglow__connect(&client, 5000);
    CHECK(fd >= 0 && length > 0 && afterglow__write(fd, buffer, length));
    if (round % 2 == 1) CHECK(recv(fd, buffer, 1, MSG_PEEK) == 1);
    kill_server();
    close(fd);
    CHECK(afterglow_answer(&client, "", 0, afterglow__millis()) == AFTERGLOW_RETRY);
    for (i = 0; i < 300; i++) afterglow_put(&client, "count", (double)sent++, 0);
    CHECK(afterglow_flush(&client, buffer, sizeof buffer, 50) > 0);
    start_server();
    CHECK(afterglow_flush(&client, buffer, sizeof buffer, 20000) == 0);
  }
  CHECK(client.dropped == 0 && client.rejected == 0 && client.sent == (unsigned long)sent);
  CHECK(counted(&client, "count") == sent);
}

static void the_server_names_what_it_refuses(void) {
  afterglow_sample ring[3];
  afterglow client;
  afterglow_init(&client, ring, 3, "127.0.0.1", (uint16_t)port, NULL);
  afterglow_put(&client, "good", 0, 0);
  afterglow_put(&client, "bad\xe2\x80\xae", 1, 0);
  CHECK(afterglow_send(&client, buffer, sizeof buffer, 5000) == AFTERGLOW_STORED);
  CHECK(client.sent == 1 && client.rejected == 1 && strstr(buffer, "bad_signal_name") != NULL);
  CHECK(counted(&client, "good") == 1);
}

static void test(const char *name, void (*run)(void)) {
  fails_now = 0;
  run();
  printf("%s %s\n", fails_now ? "FAILED" : "ok    ", name);
  fails_now ? failed++ : passed++;
}

#define TEST(name) test(#name, name)

int main(void) {
  char file[64];
  static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
  size_t i;
  if (mkdtemp(folder) == NULL) return 1;
  TEST(bodies);
  TEST(bodies_fit);
  TEST(wrong_samples_are_refused);
  TEST(retry_table);
  TEST(answers);
  TEST(a_full_ring_drops_the_oldest);
  start_server();
  TEST(a_killed_server_loses_and_doubles_nothing);
  TEST(the_server_names_what_it_refuses);
  kill_server();
  for (i = 0; i < sizeof ends / sizeof *ends; i++) {
    snprintf(file, sizeof file, "%s/afterglow.db%s", folder, ends[i]);
    unlink(file);
  }
  rmdir(folder);
  printf("test result: %s. %d passed; %d failed; 0 ignored\n", failed > 0 ? "FAILED" : "ok", passed, failed);
  return failed > 0;
}
