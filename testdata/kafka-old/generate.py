"""Starts ZooKeeper and an old Apache Kafka twice and lets kcat write: generate.py JARS VERSION.

JARS/VERSION holds the jars of org.apache.kafka:kafka_2.12:VERSION with log4j 1.2, slf4j-log4j12 and jaxb-api.
"""
import subprocess, os, time, sys, shutil, socket, signal
def wait(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1",port),1).close(); return
        except OSError: time.sleep(0.2)
    raise SystemExit("no port %d"%port)
OPENS=["--add-opens","java.base/java.nio=ALL-UNNAMED","--add-opens","java.base/sun.nio.ch=ALL-UNNAMED","--add-opens","java.base/java.lang=ALL-UNNAMED","--add-exports","java.base/sun.nio.ch=ALL-UNNAMED"]
def run(v, zkport, port):
    root=os.path.abspath(f"run-{v}"); shutil.rmtree(root, ignore_errors=True); os.makedirs(root)
    cp=f"{jars}/{v}/*"
    open(root+"/zk.properties","w").write(f"dataDir={root}/zk\nclientPort={zkport}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n")
    fmt = "log.message.format.version=0.9.0.0\n" if v=="0.10.2.2" else ("log.message.format.version=0.10.2\n" if v=="1.1.1" else "")
    base=f"broker.id=0\nlisteners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs={root}/data\nzookeeper.connect=127.0.0.1:{zkport}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=2\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\ntransaction.state.log.num.partitions=2\nlog.segment.bytes=6000\nlog.index.interval.bytes=512\nlog.cleaner.dedupe.buffer.size=2000000\nlog.index.size.max.bytes=65536\nlog.retention.ms=-1\ngroup.initial.rebalance.delay.ms=0\nnum.partitions=2\n"
    open(root+"/server1.properties","w").write(base+fmt)
    open(root+"/server2.properties","w").write(base)
    J=["java","-Xmx256m"]+OPENS+["-cp",cp]
    Z=["java","-Xmx128m","-cp",f"{jars}/2.8.2/*"]
    zk=subprocess.Popen(Z+["org.apache.zookeeper.server.quorum.QuorumPeerMain",root+"/zk.properties"],stdout=open(root+"/zk.log","w"),stderr=subprocess.STDOUT)
    wait(zkport)
    def broker(n):
        p=subprocess.Popen(J+["kafka.Kafka",f"{root}/server{n}.properties"],stdout=open(f"{root}/server{n}.log","w"),stderr=subprocess.STDOUT)
        wait(port); time.sleep(2); return p
    def stop(p):
        p.send_signal(signal.SIGTERM); p.wait(60)
    def topic(name, *conf):
        a=J+["kafka.admin.TopicCommand","--zookeeper",f"127.0.0.1:{zkport}","--create","--topic",name,"--partitions","1","--replication-factor","1"]
        for c in conf: a+=["--config",c]
        
        for _ in range(5):
            r=subprocess.run(a,stdout=subprocess.PIPE,stderr=subprocess.STDOUT)
            if r.returncode==0: return
            time.sleep(2)
        print(r.stdout.decode()[-500:])
    def produce(name, codec, lines):
        a=["kcat","-P","-b",f"127.0.0.1:{port}","-t",name,"-K:","-X","batch.num.messages=15"]
        if codec: a+=["-z",codec]
        subprocess.run(a,input="".join(lines).encode(),check=True)
    b=broker(1)
    try:
        topic("plain"); topic("packed"); topic("compacted","cleanup.policy=compact","min.cleanable.dirty.ratio=0.01","segment.ms=1000","delete.retention.ms=100")
        lines=lambda a,b: [f"key{i%20}:value {i} {'x'*(i%50)}\n" for i in range(a,b)]
        produce("plain",None,lines(0,150))
        for c in (["gzip","snappy","lz4"]): produce("packed",c,lines(0,60))
        produce("compacted",None,lines(0,200)); time.sleep(2); produce("compacted","gzip",lines(200,300)); 
        new="--new-consumer" if v.startswith("0.10") else None
        a=J+["kafka.tools.ConsoleConsumer","--bootstrap-server",f"127.0.0.1:{port}","--topic","plain","--from-beginning","--timeout-ms","8000","--consumer-property","group.id=old-group"]
        if new: a.append(new)
        r=subprocess.run(a,stdout=subprocess.PIPE,stderr=subprocess.DEVNULL); print(v,"consumed",len(r.stdout.splitlines()))
        time.sleep(16 if v!="0.10.2.2" else 20)
        stop(b)
        b=broker(2)
        produce("plain",None,lines(150,250)); produce("packed","gzip",lines(60,100)); produce("compacted",None,lines(300,330))
        time.sleep(3)
        stop(b)
    finally:
        for p in (b,zk):
            if p.poll() is None: p.kill()
    print(v, sorted(os.listdir(root+"/data")))
jars, v = sys.argv[1:3]; i = ["0.10.2.2","1.1.1","2.8.2"].index(v)
run(v, 22181+i, 29092+i)
