* accelsim cells
.model core_n nmos level=54 version=4.8 vth0=0.34 u0=0.0181 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model core_p pmos level=54 version=4.8 vth0=-0.34 u0=0.0075 toxe=1.2n toxp=1.0n nfactor=1.58 ndep=4e18 xj=20n k1=0.3 vsat=1e5 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_n nmos level=54 version=4.8 vth0=0.65 u0=0.04 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
.model thick_p pmos level=54 version=4.8 vth0=-0.65 u0=0.012 toxe=7n toxp=6.6n nfactor=1.4 ndep=2e17 xj=150n k1=0.5 vsat=8e4 lpe0=0 lpeb=0 k2=0 dvt0=0 eta0=0.02 etab=0 cit=0 cdsc=0 minv=0 pclm=0.1 pdiblc1=0 pdiblc2=0 pscbe1=1e9 pscbe2=1e-20 voff=-0.08 rdsw=150 cgso=2e-10 cgdo=2e-10 cgbo=0 cjs=1e-3 cjd=1e-3 cjsws=1e-10 cjswd=1e-10 agidl=0 igcmod=0 igbmod=0 capmod=2
vpreh preh 0 0.9
vcsumb csumb 0 0.9
vquery query 0 0.9
vhigh high 0 0.9
vwell well 0 0.9
vreset reset 0 0
vcsum csum 0 0
vslp slp 0 0
vrow row 0 pwl(0 0 0.075n 0 0.125n 0.9)
mrow_p0 bp0 row xp0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mquery_p0 xp0 query yp0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mstored_p0 yp0 well 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mothers_p0 bp0 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_p0 bp0 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_p0 bp0 preh high well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_p0 bp0 csum slp 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_p0 bp0 csumb slp well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cp0 bp0 0 2.5f
.ic v(bp0)=0.9
mrow_p1 bp1 row xp1 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1 delvto=0.05
mquery_p1 xp1 query yp1 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1 delvto=-0.02
mstored_p1 yp1 well 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1 delvto=0.01
mothers_p1 bp1 0 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=31
mreset_p1 bp1 reset 0 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mprecharge_p1 bp1 preh high well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_n_p1 bp1 csum slp 0 core_n w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
mcsum_p_p1 bp1 csumb slp well core_p w=32n l=16n as=0.00128p ad=0.00128p ps=0.144u pd=0.144u m=1
cp1 bp1 0 2.5f
.ic v(bp1)=0.9
.control
set num_threads=1
set wr_singlescale
set numdgt=9
tran 0.01n 2n uic
wrdata data.txt v(bp0) v(bp1)
quit
.endc
.end
