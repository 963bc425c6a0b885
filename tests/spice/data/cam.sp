* accelsim cam-16-3-2
.model core_n nmos level=54 version=4.8 vth0=0.34 u0=0.0181 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model core_p pmos level=54 version=4.8 vth0=-0.34 u0=0.0075 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_n nmos level=54 version=4.8 vth0=0.65 u0=0.04 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_p pmos level=54 version=4.8 vth0=-0.65 u0=0.012 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
vdd vdd 0 0.9
cline ml 0 6.6f
.ic v(ml)=0.9
vdlm dlm 0 pwl(0 0.6 0.0975n 0.6 0.1025n 0.6)
rlom vdd lom 9090.9091
mlom lom dlm 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=11
rhim vdd him 2727.2727
mhim him dlm 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=11
minvnm invm him 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=11
minvpm invm him vdd vdd core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=11
mpdam ml lom 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=11
mpdbm ml invm 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=11
vdlb dlb 0 pwl(0 0.6 0.0975n 0.6 0.1025n 0)
rlob vdd lob 33333.333
mlob lob dlb 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=3
rhib vdd hib 10000
mhib hib dlb 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=3
minvnb invb hib 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=3
minvpb invb hib vdd vdd core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=3
mpdab ml lob 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=3
mpdbb ml invb 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=3
vdla dla 0 pwl(0 0.6 0.0975n 0.6 0.1025n 0.9)
rloa vdd loa 50000
mloa loa dla 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
rhia vdd hia 15000
mhia hia dla 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
minvna inva hia 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
minvpa inva hia vdd vdd core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mpdaa ml loa 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
mpdba ml inva 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=2
.control
set num_threads=1
set wr_singlescale
set numdgt=9
tran 0.000413n 0.826n
wrdata data.txt v(ml)
quit
.endc
.end
