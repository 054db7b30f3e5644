// Asks the C library for addresses, as a program does that knows nothing of DNS: `lookup FAMILY NAME...`, FAMILY 0, 4 or 6.
// Prints a line for each name: the name, then its addresses or the name of the error.
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char *error_name (int error) {
  switch (error) {
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
#ifdef EAI_NODATA
    case EAI_NODATA: return "EAI_NODATA";
#endif
    default: return gai_strerror(error);
  }
}

int main (int count, char **arguments) {
  if (count < 3) return 2;
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = arguments[1][0] == '4' ? AF_INET : arguments[1][0] == '6' ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  for (int index = 2; index < count; index++) {
    struct addrinfo *found;
    printf("%s", arguments[index]);
    int error = getaddrinfo(arguments[index], NULL, &hints, &found);
    if (error != 0) {
      printf(" %s\n", error_name(error));
      continue;
    }
    for (struct addrinfo *each = found; each != NULL; each = each->ai_next) {
      char text[INET6_ADDRSTRLEN];
      const void *address = each->ai_family == AF_INET6
        ? (const void *) &((struct sockaddr_in6 *) each->ai_addr)->sin6_addr
        : (const void *) &((struct sockaddr_in *) each->ai_addr)->sin_addr;
      printf(" %s", inet_ntop(each->ai_family, address, text, sizeof text));
    }
    printf("\n");
    freeaddrinfo(found);
  }
  return 0;
}
